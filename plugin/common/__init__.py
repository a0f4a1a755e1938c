"""What every folder may use: it knows no word of the product."""
