/** Signing in over the page, when the session has ended: the call stays where it is, and what waits is sent. */

import { ConfirmFlow } from "./confirm_flow.js";
import { make } from "./dom.js";
import { byId } from "./render.js";
import { CODE_NEEDED } from "./session.js";

export class SignInDialog extends ConfirmFlow {
  wireSignIn() {
    this.session.onChange(() => (this.session.ended ? this.showConnection("signed out") : this.signedInAgain()));
    byId("sign-in-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.signIn();
    });
    byId("sign-in-later").addEventListener("click", () => byId("sign-in").close());
    byId("sign-in").addEventListener("close", () => this.focusStage());
  }

  /** A confirmation that waits brings the dialog; during the conversation a notice must do. */
  tellSignedOut(told) {
    const button = make("button", { type: "button", class: "quiet", onclick: () => this.openSignIn() }, "Войти");
    const words = told ? "Сеанс завершён." : `Сеанс завершён — войдите снова. Разговор можно продолжать: ${this.whereKept}`;
    this.notice("signed-out", words, "bad", button);
    if (this.pending && !this.askedToSignIn) this.openSignIn();
  }

  openSignIn() {
    this.askedToSignIn = true;
    if (byId("sign-in").open || document.querySelector("dialog[open]")) return;
    byId("sign-in-fault").textContent = "";
    byId("sign-in").showModal();
  }

  async signIn() {
    const code = byId("code");
    const fault = await this.session.signIn(byId("login").value, byId("password").value, code.value);
    byId("sign-in-fault").textContent = fault ?? "";
    if (fault === CODE_NEEDED) byId("code-row").hidden = false;
    if (fault) (byId("code-row").hidden ? byId("password") : code).focus();
  }

  /** Here or in another tab. */
  signedInAgain() {
    this.askedToSignIn = false;
    byId("password").value = "";
    byId("code").value = "";
    byId("code-row").hidden = true;
    if (byId("sign-in").open) byId("sign-in").close();
    this.showConnection(this.saver.isClean ? "saved" : "saving");
    this.saver.now();
    this.sender.now();
  }
}
