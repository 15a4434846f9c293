// What pages do beyond plain HTML. Everything can be read and sent without it.

/** Shows what an element says in the clipboard. */
const copy = async (button) => {
  const source = document.getElementById(button.dataset.copy);
  await navigator.clipboard.writeText(source.textContent);
  button.textContent = "Copied";
};

for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", () => copy(button));
}

/** Shows what the gateway sends, newest first, and holds it back while the view is paused. */
const watch = (list) => {
  const status = document.getElementById("live-status");
  const pause = document.getElementById("pause");
  const most = Number(list.dataset.most);
  let held = [];
  const say = () => {
    const paused = pause.getAttribute("aria-pressed") === "true";
    status.textContent = paused ? `Paused; ${held.length} new.` : "Live.";
  };
  const show = (items) => {
    for (const html of items) {
      // The gateway has escaped every value in it.
      const template = document.createElement("template");
      template.innerHTML = html;
      list.prepend(template.content);
    }
    while (list.children.length > most) list.lastElementChild.remove();
  };
  const events = new EventSource(list.dataset.events);
  events.addEventListener("open", say);
  events.addEventListener("item", (event) => {
    if (pause.getAttribute("aria-pressed") === "true") {
      held.push(event.data);
      held = held.slice(-most);
      say();
    } else {
      show([event.data]);
    }
  });
  events.addEventListener("left-out", (event) => {
    status.textContent = `Live; ${event.data} outcomes came too fast to be shown.`;
  });
  events.addEventListener("trouble", () => {
    status.textContent = "The gateway cannot read what is new at the moment.";
  });
  events.addEventListener("error", () => {
    status.textContent = "Not connected. The browser tries again, unless the session has ended.";
  });
  pause.hidden = false;
  pause.addEventListener("click", () => {
    const paused = pause.getAttribute("aria-pressed") !== "true";
    pause.setAttribute("aria-pressed", String(paused));
    if (!paused) {
      show(held);
      held = [];
    }
    say();
  });
};

const list = document.getElementById("live");
if (list) watch(list);

/**
 * Replaces a part of the page by what the gateway shows there now. The header says that no visitor
 * asked for it, so that it does not keep the session open. Tells whether the session is open.
 */
const refresh = async (part) => {
  const response = await fetch(location.href, { headers: { "X-Console-Refresh": "1" } });
  if (!response.ok) return response.status !== 403;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const now = page.getElementById(part.id);
  if (now) part.replaceChildren(...now.childNodes);
  return true;
};

for (const part of document.querySelectorAll("[data-refresh]")) {
  const timer = setInterval(async () => {
    if (!document.hidden && !(await refresh(part))) clearInterval(timer);
  }, 5000);
}
