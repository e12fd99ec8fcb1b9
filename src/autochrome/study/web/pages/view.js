/** The page of a trial: its elements and states. It sends no requests. */

import { showHint } from "./fitting.js";
import { arrowSlot, digitSlot, listen } from "./keys.js";

const byId = (id) => document.getElementById(id);
const stage = byId("stage");
const answers = byId("answers");
const question = byId("question");
const capital = (words) => words[0].toUpperCase() + words.slice(1);

let size = 0;
let protocol = "";

function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function setState(state) {
  document.body.dataset.state = state;
}

/** Tell screen readers what has just happened. */
export function announce(words) {
  byId("status").textContent = words;
}

/** Show a problem to everyone; empty: there is none any more. */
export function notify(words) {
  byId("notice").textContent = words;
  byId("notice").hidden = words === "";
}

/** Put up a trial: its place, its question, and its pictures, which are not visible yet. */
export function putUp(trial, pictures) {
  ({ size, protocol } = trial);
  const practice = trial.stage === "practice";
  const number = practice ? trial.number : trial.number - trial.practice;
  const total = practice ? trial.practice : trial.total - trial.practice;
  byId("place").textContent = `${practice ? "Practice " : ""}${number} of ${total}`;
  byId("progress").max = trial.total;
  byId("progress").value = trial.number - 1;
  document.title = `${practice ? "Practice" : "Picture"} ${number} of ${total} · ${document.body.dataset.title}`;
  question.textContent = trial.question;

  const side = Math.max(...pictures.map((picture) => Math.min(picture.naturalWidth, picture.naturalHeight)));
  const aspect = Math.max(...pictures.map((picture) => picture.naturalWidth / picture.naturalHeight));
  // In a preference pictures are as large as fits, small ones up to twice their size.
  const shorter = size || (protocol === "preference" ? 2 : 1) * side;
  stage.style.setProperty("--size", `${Math.round(shorter * Math.max(1, aspect))}px`);
  stage.style.setProperty("--aspect", String(aspect));
  stage.className = trial.timing ? "in-turn" : protocol === "questionnaire" ? "many" : "together";
  document.querySelector("main").classList.toggle("many-main", protocol === "questionnaire");
  for (const old of stage.querySelectorAll(".slot")) old.remove();
  pictures.forEach((picture, slot) => {
    picture.alt = trial.alt[slot];
    picture.draggable = false;
    stage.append(trial.timing ? figureOf(picture, slot) : buttonOf(picture, slot));
  });
  putAnswers(trial, pictures);
  showHint(size, protocol);
  setState("loading");
}

function figureOf(picture, slot) {
  const label = element("figcaption", { class: "label" }, capital(picture.alt));
  return element("figure", { class: "slot", "data-slot": slot }, element("div", { class: "frame" }, picture), label);
}

function buttonOf(picture, slot) {
  const label = element("span", { class: "label", "aria-hidden": "true" }, String((slot + 1) % 10));
  const frame = element("span", { class: "frame" }, picture);
  return element("button", { class: "slot", type: "button", "data-slot": slot }, frame, label);
}

function putAnswers(trial, pictures) {
  answers.replaceChildren();
  answers.className = "later";
  if (trial.timing) {
    for (const slot of pictures.keys()) {
      const key = element("kbd", { class: "for-keys", "aria-hidden": "true" }, String(slot + 1));
      const word = capital(trial.alt[slot].replace(" picture", ""));
      answers.append(element("button", { class: "button", type: "button", "data-slot": slot }, word, key));
    }
  } else if (protocol === "questionnaire") {
    answers.classList.add("one");
    answers.append(element("button", { class: "button", type: "button", id: "submit" }));
  }
}

/** Wait until the rater starts, by the button, Space or Enter. */
export async function ready(words) {
  byId("ready-words").textContent = words;
  byId("ready").hidden = false;
  setState("ready");
  announce(words);
  byId("start").focus({ preventScroll: true });
  const keys = listen((event) => (event.key === " " || event.key === "Enter" ? true : null));
  const pressed = new Promise((resolve) => byId("start").addEventListener("click", resolve, { once: true }));
  await Promise.race([keys.pressed, pressed]);
  keys.stop();
  byId("ready").hidden = true;
}

/** The pictures of a timed display are about to appear; `slot` is the next. */
export function beforePicture(slot) {
  byId("help").disabled = true;
  document.activeElement?.blur();
  setState("showing");
  stage.querySelectorAll(".slot").forEach((figure, other) => figure.classList.toggle("current", other === slot));
}

/** The question is due: what can be pressed becomes visible. */
function openQuestion(words) {
  byId("help").disabled = false;
  stage.querySelectorAll(".slot").forEach((figure) => figure.classList.remove("current"));
  answers.classList.remove("later");
  setState("asking");
  announce(words);
  // The group, not a button in it: holding Enter a moment too long must not count as an answer.
  answers.focus({ preventScroll: true });
}

/** Wait for one of the pictures to be chosen; resolves to the slot and the time, on the clock of performance.now. */
export async function chooseOne(trial) {
  openQuestion(`${trial.question} ${trial.timing ? "First or second?" : ""}`);
  const buttons = [...document.querySelectorAll("#stage button.slot, #answers button")];
  const keys = listen((event) => {
    const slot = digitSlot(event) ?? arrowSlot(event);
    return slot !== null && slot < trial.pictures.length ? { slot, at: event.timeStamp } : null;
  });
  const clicked = new Promise((resolve) => {
    for (const button of buttons) {
      button.addEventListener("click", (event) => resolve({ slot: Number(button.dataset.slot), at: event.timeStamp }));
    }
  });
  const answer = await Promise.race([keys.pressed, clicked]);
  keys.stop();
  return { chosen: [answer.slot], at: answer.at };
}

/** Let the rater mark any number of pictures; resolves to their slots when they are done. */
export async function markMany(trial) {
  openQuestion(trial.question);
  const pictures = [...stage.querySelectorAll("button.slot")];
  const submit = byId("submit");
  const isMarked = (button) => button.getAttribute("aria-pressed") === "true";
  const show = () => {
    const count = pictures.filter(isMarked).length;
    const words = count === 0 ? "None is poor: next" : `${count} marked as poor: next`;
    submit.replaceChildren(words, element("kbd", { class: "for-keys", "aria-hidden": "true" }, "Enter"));
  };
  const toggle = (button, mark = !isMarked(button)) => {
    button.setAttribute("aria-pressed", String(mark));
    button.setAttribute("aria-label", `${capital(trial.alt[pictures.indexOf(button)])}${mark ? ", marked as poor" : ""}`);
    show();
  };
  for (const button of pictures) {
    toggle(button, false);
    button.addEventListener("click", () => {
      toggle(button);
      announce(button.getAttribute("aria-label"));
    });
  }
  const keys = listen((event) => {
    const slot = digitSlot(event);
    if (slot !== null && slot < pictures.length) pictures[slot].click();
    return event.key === "Enter" && event.target.id !== "help" ? event.timeStamp : null;
  });
  const clicked = new Promise((resolve) =>
    submit.addEventListener("click", (event) => resolve(event.timeStamp), { once: true }),
  );
  const at = await Promise.race([keys.pressed, clicked]);
  keys.stop();
  return { chosen: pictures.flatMap((button, slot) => (isMarked(button) ? [slot] : [])), at };
}

/** The answer is on its way: nothing can be pressed twice. */
export function answered() {
  for (const button of document.querySelectorAll("#stage button.slot, #answers button")) button.disabled = true;
  setState("sending");
}

/** Show the pictures again, with the answer. */
export function giveFeedback(trial, chosen, feedback) {
  const right = chosen.includes(feedback.slot);
  answers.className = "later";
  stage.className = "together feedback";
  stage.querySelectorAll(".slot").forEach((slot, number) => {
    const isAnswer = number === feedback.slot;
    slot.classList.toggle("answer", isAnswer);
    slot.querySelector("img").classList.add("shown");
    slot.querySelector(".label").textContent = isAnswer ? feedback.answer : feedback.other;
  });
  question.textContent = right ? "That is right." : "Not this time.";
  announce(`${question.textContent} ${capital(trial.alt[feedback.slot])}: ${feedback.answer}.`);
  setState("feedback");
}

/** Remove what was shown: nothing of a trial stays visible while the next is fetched. */
export function clear() {
  for (const slot of stage.querySelectorAll(".slot")) slot.style.visibility = "hidden";
  answers.classList.add("later");
  setState("loading");
}

/** Open the help, and tell when it closes. */
export function onHelp(opened) {
  byId("help").addEventListener("click", () => {
    opened();
    byId("helping").showModal();
  });
  byId("helping").addEventListener("close", () => {
    if (document.body.dataset.state === "ready") byId("start").focus();
    else answers.focus({ preventScroll: true });
  });
}

window.addEventListener("resize", () => showHint(size, protocol));
