"""What every folder above may use and what knows no word of the product, such as readers and cleaners of text."""
