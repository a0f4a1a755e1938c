/** Keeps a call in localStorage until the server has it: it survives reloads, and other tabs see and send it. */

// Two installations below paths of one host share its storage, not what they keep in it.
const [BELOW] = new URL(import.meta.url).pathname.split("/operator/page/");

/** `name` for this installation alone; the one at the host's root has it as it is. */
export function ownName(name) {
  return BELOW ? `${name}@${BELOW}` : name;
}

const PREFIX = `${ownName("optout")}:`;
const DAY = 86400000;

export class LocalStore {
  /** `onOther(state)` is called when another tab of this browser has stored something. */
  constructor(call, onOther) {
    this._name = PREFIX + call;
    this._memory = null;
    addEventListener("storage", (event) => {
      if (event.key === this._name && event.newValue) onOther(JSON.parse(event.newValue));
    });
    /** Whether this browser keeps anything; some keep nothing for frames of other sites. Tried, not assumed. */
    this.works = worksHere();
    this._tidy();
  }

  get() {
    return read(this._name) ?? this._memory;
  }

  put(state) {
    this._memory = { ...state, kept: Date.now() };
    this.works = write(this._name, this._memory);
  }

  /** Clients' words do not stay in the browser once the server has them. */
  clear() {
    this._memory = null;
    write(this._name, null);
  }

  _tidy() {
    for (const { call, state } of stored()) {
      if (PREFIX + call === this._name || state.pending || Date.now() - state.kept < DAY) continue;
      write(PREFIX + call, null);
    }
  }
}

/** What is kept of calls, `[{call, state}]`. */
export function stored() {
  try {
    return Object.keys(localStorage)
      .filter((name) => name.startsWith(PREFIX))
      .map((name) => ({ call: name.slice(PREFIX.length), state: read(name) }))
      .filter(({ state }) => state);
  } catch {
    return [];
  }
}

/** Change what is kept of a call by `change(state)`; null removes it. */
export function withState(call, change) {
  write(PREFIX + call, change(read(PREFIX + call)));
}

function worksHere() {
  return write("optout-try", "1") && write("optout-try", null);
}

function read(name) {
  try {
    return JSON.parse(localStorage.getItem(name));
  } catch {
    return null;
  }
}

function write(name, state) {
  try {
    if (state === null || state === undefined) localStorage.removeItem(name);
    else localStorage.setItem(name, JSON.stringify(state));
    return true;
  } catch {
    return false;
  }
}
