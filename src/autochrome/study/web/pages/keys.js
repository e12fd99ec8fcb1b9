/** Keys that answer. */

/** Whether a key is meant for the page and not for the browser, and is not a repetition. */
export function isMeant(event) {
  return !(event.repeat || event.ctrlKey || event.altKey || event.metaKey || event.isComposing);
}

/**
 * The slot that a digit stands for, from 0; 0 stands for the tenth. By place on the keyboard too: in some
 * countries digits need the shift key.
 *
 * @returns {number | null}
 */
export function digitSlot(event) {
  const digit = /^[0-9]$/.test(event.key) ? event.key : /^(?:Digit|Numpad)([0-9])$/.exec(event.code)?.[1];
  return digit === undefined ? null : (Number(digit) + 9) % 10;
}

/** The slot of an arrow key between two pictures: before is the first, after is the second. */
export function arrowSlot(event) {
  if (event.key === "ArrowLeft" || event.key === "ArrowUp") return 0;
  if (event.key === "ArrowRight" || event.key === "ArrowDown") return 1;
  return null;
}

/**
 * Listen to keys until a handler returns something.
 *
 * @template T
 * @param {(event: KeyboardEvent) => T | null} handle
 * @returns {{pressed: Promise<T>, stop: () => void}}
 */
export function listen(handle) {
  let onKey;
  const pressed = new Promise((resolve) => {
    onKey = (event) => {
      if (!isMeant(event) || document.querySelector("dialog[open]")) return;
      const result = handle(event);
      if (result === null) return;
      event.preventDefault();
      resolve(result);
    };
    document.addEventListener("keydown", onKey);
  });
  return { pressed, stop: () => document.removeEventListener("keydown", onKey) };
}
