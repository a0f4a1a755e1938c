/** The browser's session: who is signed in, and its CSRF token, renewed whenever somebody signs in in any tab. */

import { ownName } from "./local_store.js";

const TIMEOUT = 8000;
// To check a password takes what the processors have to spare.
const SIGN_IN_TIMEOUT = 30000;
/** An ended session is looked for again so often, in milliseconds; for so long often, then seldom. */
const OFTEN = 3000;
const SELDOM = 15000;
const LONG = 600000;

export const CODE_NEEDED = "Введите код из приложения.";
const WRONG = { code_needed: CODE_NEEDED, wrong_code: "Код не подошёл." };

export class Session {
  /** `data`: what the page came with, `{csrf, root, operator}`. */
  constructor(data) {
    this.csrf = data.csrf;
    this.root = data.root;
    this.operator = data.operator;
    this.ended = false;
    this._callbacks = [];
    this._channel = "BroadcastChannel" in globalThis ? new BroadcastChannel(ownName("optout-session")) : null;
    // A page that has just been opened may have come by another sign-in.
    this._channel?.postMessage("opened");
    this._channel?.addEventListener("message", () => this.ended && this.renew());
    document.addEventListener("visibilitychange", () => this.ended && this.renew());
  }

  /** `callback()` is called when the session has ended, and when there is one again. */
  onChange(callback) {
    this._callbacks.push(callback);
  }

  /** Take the token of whoever is signed in now; returns whether somebody is. */
  async renew() {
    const answer = await this._ask("GET");
    if (answer?.status === 200) {
      this._take(answer.body);
      return true;
    }
    if (answer?.status === 401 || answer?.status === 403) this._end();
    return false;
  }

  /** Sign in; returns what is wrong in words, CODE_NEEDED where the account has a second factor, or null. */
  async signIn(login, password, code) {
    const answer = await this._ask("POST", { login, password, code });
    if (!answer) return "Нет связи с сервером. Попробуйте ещё раз.";
    if (answer.status === 429) return "Слишком много неудачных попыток. Подождите немного и попробуйте ещё раз.";
    if (answer.status === 503) return "Сейчас входят многие. Подождите несколько секунд и попробуйте ещё раз.";
    if (answer.status !== 200) return WRONG[answer.body.error?.code] ?? "Логин или пароль не подошли.";
    // In a frame the browser may have refused the cookie: only a session that holds counts.
    if (!(await this.renew())) return "Браузер не принял вход в этом окне. Войдите в новой вкладке.";
    this._channel?.postMessage("signed in");
    return null;
  }

  _take({ csrf, operator }) {
    const again = this.ended;
    this.csrf = csrf;
    this.operator = operator;
    this.ended = false;
    clearTimeout(this._timer);
    if (again) this._tell();
  }

  _end() {
    if (!this.ended) {
      this.ended = true;
      this._since = performance.now();
      this._tell();
    }
    clearTimeout(this._timer);
    this._timer = setTimeout(() => this.renew(), performance.now() - this._since < LONG ? OFTEN : SELDOM);
  }

  _tell() {
    for (const callback of this._callbacks) callback();
  }

  async _ask(method, body) {
    try {
      const response = await fetch(`${this.root}session`, {
        method,
        headers: { "X-CSRF-Token": this.csrf, ...(body && { "Content-Type": "application/json" }) },
        body: body && JSON.stringify(body),
        cache: "no-store",
        signal: AbortSignal.timeout(body ? SIGN_IN_TIMEOUT : TIMEOUT),
      });
      return { status: response.status, body: await response.json() };
    } catch {
      // No answer: whether the session holds is not known, and it is asked for again while it is known to have ended.
      if (this.ended) {
        clearTimeout(this._timer);
        this._timer = setTimeout(() => this.renew(), OFTEN);
      }
      return null;
    }
  }
}

/** Whether this answer says that the request needs another session, or its token. */
export function lacksSession(answer) {
  return answer.status === 401 || (answer.status === 403 && answer.body.error?.code === "bad_csrf");
}
