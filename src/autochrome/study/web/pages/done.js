/** The last page: copy the code. */

const code = document.getElementById("code");
const status = document.getElementById("status");

async function copy() {
  try {
    await navigator.clipboard.writeText(code.textContent);
    status.textContent = "Copied.";
  } catch {
    // Browsers let only secure pages write to the clipboard; otherwise select the code, ready to be copied.
    window.getSelection().selectAllChildren(code);
    status.textContent = "The code is selected; copy it with Ctrl and C, or with a long press.";
  }
}

document.getElementById("copy").addEventListener("click", copy);
