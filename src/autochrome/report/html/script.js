"use strict";
(() => {
  const root = document.documentElement;
  const key = "autochrome-theme";
  const remembered = () => { try { return localStorage.getItem(key); } catch { return null; } };
  const remember = (theme) => { try { localStorage.setItem(key, theme); } catch { /* a private window */ } };

  const saved = remembered();
  if (saved === "light" || saved === "dark") root.dataset.theme = saved;
  const toggle = document.querySelector(".theme");
  toggle.hidden = false;
  toggle.addEventListener("click", () => {
    const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    root.dataset.theme = (root.dataset.theme || system) === "dark" ? "light" : "dark";
    remember(root.dataset.theme);
  });

  const links = new Map([...document.querySelectorAll(".contents a")].map((link) => [link.hash.slice(1), link]));
  const sections = [...document.querySelectorAll("main section")];
  let current = null;
  const follow = () => {
    const passed = sections.filter((section) => section.getBoundingClientRect().top < innerHeight / 3);
    const end = innerHeight + scrollY >= root.scrollHeight - 2;
    const section = end && scrollY > 0 ? sections.at(-1) : passed.at(-1);
    const link = section ? links.get(section.id) : null;
    if (link === current) return;
    if (current) current.removeAttribute("aria-current");
    current = link;
    if (!link) return;
    link.setAttribute("aria-current", "true");
    // Only the bar may move: scrollIntoView would move the page as well.
    const bar = link.closest("ol");
    bar.scrollLeft = link.offsetLeft - bar.clientWidth / 2 + link.clientWidth / 2;
  };
  addEventListener("scroll", follow, { passive: true });
  addEventListener("resize", follow);
  follow();

  const dialog = document.querySelector("dialog");
  const large = dialog.querySelector("img");
  const title = dialog.querySelector(".title");
  const buttons = [...document.querySelectorAll(".enlarge")];
  let shown = 0;
  const show = (index) => {
    shown = (index + buttons.length) % buttons.length;
    const small = buttons[shown].querySelector("img");
    large.src = small.src;
    large.alt = small.alt;
    large.style.setProperty("--shape", small.getAttribute("width") / small.getAttribute("height"));
    title.textContent = buttons[shown].dataset.title;
  };
  buttons.forEach((button, index) => button.addEventListener("click", () => {
    show(index);
    dialog.showModal();
  }));
  dialog.querySelector(".previous").addEventListener("click", () => show(shown - 1));
  dialog.querySelector(".next").addEventListener("click", () => show(shown + 1));
  dialog.querySelector(".close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => { if (event.target === dialog || event.target === large) dialog.close(); });
  dialog.addEventListener("close", () => buttons[shown].focus());
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") show(shown - 1);
    if (event.key === "ArrowRight") show(shown + 1);
  });
})();
