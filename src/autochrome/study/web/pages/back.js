/** The page of a personal link: only the button takes the rater's place, so that a link preview does not. */

import { ask } from "./server.js";

const seat = document.getElementById("seat");
const notice = document.getElementById("notice");

function say(words) {
  notice.textContent = words;
  notice.hidden = words === "";
}

async function sit() {
  seat.disabled = true;
  try {
    const token = decodeURIComponent(window.location.pathname.split("/").pop());
    await ask("/api/seat", { token }, (away) =>
      say(away ? "The study is not responding. Trying again …" : ""),
    );
    window.location.assign("/trial");
  } catch (error) {
    say(`That did not work: ${error.message}.`);
    seat.disabled = false;
  }
}

seat.addEventListener("click", sit);
