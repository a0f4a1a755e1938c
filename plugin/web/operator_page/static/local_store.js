/** Keeps a call in localStorage until the server has it: it survives reloads, and other tabs see it. */

const PREFIX = "optout:";
const DAY = 86400000;

export class LocalStore {
  /** `onOther(state)` is called when another tab of this browser has stored something. */
  constructor(call, onOther) {
    this._name = PREFIX + call;
    this._memory = null;
    addEventListener("storage", (event) => {
      if (event.key === this._name && event.newValue) onOther(JSON.parse(event.newValue));
    });
    this._tidy();
  }

  get() {
    try {
      return JSON.parse(localStorage.getItem(this._name)) ?? this._memory;
    } catch {
      return this._memory;
    }
  }

  put(state) {
    this._memory = { ...state, kept: Date.now() };
    try {
      localStorage.setItem(this._name, JSON.stringify(this._memory));
    } catch {
      // Some browsers store nothing for frames of other sites: the server has the answers, and this tab remembers.
    }
  }

  /** Clients' words do not stay in the browser once the server has them. */
  clear() {
    this._memory = null;
    try {
      localStorage.removeItem(this._name);
    } catch {
      // Nothing was kept.
    }
  }

  _tidy() {
    try {
      for (const name of Object.keys(localStorage).filter((key) => key.startsWith(PREFIX) && key !== this._name)) {
        const state = JSON.parse(localStorage.getItem(name));
        if (!state?.pending && !(Date.now() - state?.kept < DAY)) localStorage.removeItem(name);
      }
    } catch {
      // As above.
    }
  }
}
