/**
 * A rater's way through the trials: fetch, show, ask, send, until there is nothing left.
 *
 * The rater starts the first timed display. The next ones follow by themselves, because whoever has just answered
 * is looking; but not after a break: when the page was left, help was open, or the last press is long ago, the rater
 * starts again. So nobody is hurried, and nobody's pictures pass while they look away.
 */

import { displayInTurn } from "./display.js";
import { ask, Refused } from "./server.js";
import * as view from "./view.js";

const STILL_LOOKING_MS = 6000;
const LONGEST_MS = 86_400_000; // a day: the server accepts nothing longer
const BEGUN = "autochrome-begun";

let lookedAway = true;
let lastSeen = -Infinity;

const look = {
  away: () => (lookedAway = true),
  here: () => {
    lookedAway = false;
    lastSeen = performance.now();
  },
  isHere: () => !lookedAway && !document.hidden && performance.now() - lastSeen < STILL_LOOKING_MS,
};
window.addEventListener("blur", look.away);
document.addEventListener("visibilitychange", look.away);
view.onHelp(look.away);

function trouble(away) {
  view.notify(away ? "The study is not responding at the moment. Trying again … None of your answers is lost." : "");
}

/** The open trial and its pictures, decoded; null when there is none left. */
async function fetchTrial() {
  for (let attempt = 1; ; attempt += 1) {
    const trial = await (await ask("/api/trial", null, trouble)).json();
    if (trial.done) return null;
    try {
      const pictures = [];
      // One after the other, in the order of the slots: the order of requests says nothing either.
      for (const address of trial.pictures) pictures.push(await fetchPicture(address));
      return { trial, pictures };
    } catch (error) {
      // It has been answered in another window: fetch the next.
      if (!(error instanceof Refused) || error.status !== 404 || attempt === 5) throw error;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}

async function fetchPicture(address) {
  const picture = new Image();
  picture.src = URL.createObjectURL(await (await ask(address, null, trouble)).blob());
  await picture.decode();
  return picture;
}

function release(pictures) {
  for (const picture of pictures) URL.revokeObjectURL(picture.src);
}

/** Whether a display of this trial was begun before, on a page that was then left or reloaded. */
function begunBefore(trial) {
  try {
    const before = window.localStorage.getItem(BEGUN) === trial.trial;
    window.localStorage.setItem(BEGUN, trial.trial);
    return before;
  } catch {
    return false; // no storage: the pictures may then be seen twice
  }
}

function wordsBefore(trial, last) {
  if (last?.stage === "practice" && trial.stage === "test") {
    return `Practice is over. ${trial.total - trial.number + 1} photos follow, without the answers.`;
  }
  if (last !== null) return "Ready to continue?";
  return trial.stage === "practice"
    ? "First some practice: after each answer you are shown which was right."
    : "Two pictures will appear here, one after the other.";
}

/** Show a trial and return its vote. */
async function judge(trial, pictures, last) {
  view.putUp(trial, pictures);
  if (!trial.timing) {
    const from = performance.now();
    const answer = trial.protocol === "questionnaire" ? await view.markMany(trial) : await view.chooseOne(trial);
    return { trial: trial.trial, chosen: answer.chosen, response_ms: atMost(answer.at - from) };
  }
  if (!look.isHere() || last?.stage !== trial.stage) await view.ready(wordsBefore(trial, last));
  const seenBefore = begunBefore(trial);
  look.here();
  const display = await displayInTurn(pictures, trial.timing, view.beforePicture);
  const answer = await view.chooseOne(trial);
  return {
    trial: trial.trial,
    chosen: answer.chosen,
    shown_ms: display.shown.map(atMost),
    response_ms: atMost(answer.at - display.ended),
    longest_gap_ms: atMost(display.longestGap),
    slipped: display.hidden || seenBefore,
  };
}

function atMost(milliseconds) {
  return Math.min(LONGEST_MS, Math.max(0, Math.round(milliseconds * 10) / 10));
}

/** Send a vote until it is stored; returns the feedback, if there is any. */
async function send(vote) {
  try {
    return (await (await ask("/api/votes", vote, trouble)).json()).feedback;
  } catch (error) {
    // Stored before, and only its acknowledgment was lost; or another window is further along: continue.
    if (error instanceof Refused && error.status === 409) return null;
    throw error;
  }
}

async function run() {
  let last = null;
  let next = await fetchTrial();
  while (next !== null) {
    const { trial, pictures } = next;
    const vote = await judge(trial, pictures, last);
    look.here();
    view.answered();
    const feedback = await send(vote);
    // Only now may the server choose the next trial, since its choice depends on all votes.
    const following = fetchTrial();
    if (feedback) {
      view.giveFeedback(trial, vote.chosen, feedback);
      await new Promise((resolve) => setTimeout(resolve, trial.feedback_ms));
      if (document.hasFocus()) look.here();
    } else {
      view.clear();
    }
    next = await following;
    release(pictures);
    last = trial;
  }
  window.location.replace("/done");
}

run().catch((error) => {
  // The browser is not known (its cookie is gone): the first page says how to begin or come back.
  if (error instanceof Refused && error.status === 401) window.location.replace("/");
  else view.notify(`Something went wrong: ${error.message}. Please reload the page; your answers are kept.`);
});
