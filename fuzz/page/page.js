"use strict";
// Keys and buttons; what is shown is in the page already.
(() => {
  const story = JSON.parse(document.getElementById("story").textContent);
  const last = story.frames.length;
  const keys = {
    ArrowDown: "next", ArrowRight: "next", ArrowUp: "previous", ArrowLeft: "previous",
    Home: "first", End: "last",
  };
  const quiet = matchMedia("(prefers-reduced-motion: reduce)");
  let current = last;

  const asked = () => {
    const found = /^#step-(\d+)$/.exec(location.hash);
    return found ? Math.min(Number(found[1]), last) : null;
  };

  const show = (step, moved) => {
    current = step;
    for (const element of document.querySelectorAll("[data-step]")) {
      const here = Number(element.dataset.step) === step;
      element.classList.toggle("current", here);
      if (element.matches("a")) {
        here ? element.setAttribute("aria-current", "step") : element.removeAttribute("aria-current");
        if (here && moved) {
          element.scrollIntoView({ block: "nearest", behavior: quiet.matches ? "auto" : "smooth" });
        }
      }
    }
    for (const button of document.querySelectorAll("[data-go]")) {
      const back = button.dataset.go === "first" || button.dataset.go === "previous";
      button.setAttribute("aria-disabled", String(step === (back ? 0 : last)));
    }
    document.getElementById("where").textContent = `${step} / ${last}`;
    if (moved) {
      history.replaceState(null, "", `#step-${step}`);
      const frame = story.frames[step - 1];
      const broken = frame ? frame.breaks.map((one) => `breaks ${one.property}`) : [];
      const said = frame ? [`step ${step}: ${frame.step}`, ...frame.changes, ...broken] : ["the fresh file system"];
      document.getElementById("announced").textContent = said.join("; ");
    }
  };

  const go = (where) => {
    const to = { first: 0, previous: current - 1, next: current + 1, last }[where];
    show(Math.max(0, Math.min(to, last)), true);
  };

  document.addEventListener("keydown", (event) => {
    const plain = !(event.ctrlKey || event.metaKey || event.altKey || event.shiftKey);
    if (plain && event.key in keys && !event.target.closest("pre, table")) {
      event.preventDefault();
      go(keys[event.key]);
    }
  });
  for (const button of document.querySelectorAll("[data-go]")) {
    button.addEventListener("click", () => go(button.dataset.go));
  }
  for (const link of document.querySelectorAll("a[data-step]")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      show(Number(link.dataset.step), true);
    });
  }
  addEventListener("hashchange", () => asked() !== null && show(asked(), true));

  document.documentElement.classList.add("js");
  document.querySelector("nav").hidden = false;
  show(asked() ?? last, false);
})();
