/** The first page: agree and begin. */

import { showHint } from "./fitting.js";
import { isMeant } from "./keys.js";
import { ask, Refused } from "./server.js";

const begin = document.getElementById("begin");
const notice = document.getElementById("notice");

function say(words) {
  notice.textContent = words;
  notice.hidden = words === "";
}

async function enroll() {
  begin.disabled = true;
  try {
    if (!("known" in begin.dataset)) {
      await ask("/api/raters", { consent: true }, (away) =>
        say(away ? "The study is not responding. Trying again …" : ""),
      );
    }
    window.location.assign("/trial");
  } catch (error) {
    if (error instanceof Refused && error.content.full) window.location.assign("/full");
    else say(`That did not work: ${error.message}.`);
    begin.disabled = false;
  }
}

begin.addEventListener("click", enroll);

// Enter begins. So does Space, but first it scrolls through what is there to read, as it does everywhere.
document.addEventListener("keydown", (event) => {
  if (event.target !== document.body || !isMeant(event) || begin.disabled) return;
  const page = document.documentElement;
  const atEnd = page.scrollTop + page.clientHeight >= page.scrollHeight - 8;
  if (event.key === "Enter" || (event.key === " " && atEnd)) {
    event.preventDefault();
    enroll();
  }
});

const fit = () => showHint(Number(document.body.dataset.size), document.body.dataset.protocol);
window.addEventListener("resize", fit);
fit();
