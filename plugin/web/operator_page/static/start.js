/** The form of a new call: what was confirmed in other tabs and could not leave is sent from here too. */

import { notice } from "./notices.js";
import { Outbox, askBeforeLeaving } from "./outbox.js";
import { Session } from "./session.js";

const data = JSON.parse(document.getElementById("data").textContent);
const session = new Session(data);
const outbox = new Outbox(session, null, notice);
let leaving = false;
// The form itself leads to the next call, which sends what waits as well.
document.addEventListener("submit", () => (leaving = true));
askBeforeLeaving(() => !leaving && outbox.waiting.length > 0);
outbox.now();
