// Keeps parts of a page fresh: an element with `data-live="2000"` and an id is fetched again with its page every so many
// milliseconds, and replaced when it has changed. An element without `data-live` in the new page is the last one.
// Nothing is replaced while somebody writes in it or has chosen text in it, and nothing is fetched while nobody looks.
"use strict";
const due = (element) => setTimeout(() => refresh(element), Number(element.dataset.live) || 3000);
async function refresh(element) {
  if (!element.isConnected) return;
  const chosen = document.getSelection();
  const inUse = element.contains(document.activeElement) && document.activeElement.matches("input, select, textarea, button, summary, a");
  if (document.hidden || inUse || (chosen && !chosen.isCollapsed && element.contains(chosen.anchorNode))) return due(element);
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html", "Holdfast-Live": "1" }, redirect: "error" });
    if (answer.ok) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById(element.id);
      if (!fresh) return;
      if (fresh.outerHTML !== element.outerHTML) {
        // What was opened by hand stays open.
        for (const open of element.querySelectorAll("details[open][id]")) fresh.querySelector("#" + CSS.escape(open.id))?.setAttribute("open", "");
        element.replaceWith(fresh);
        element = fresh;
      }
    }
  } catch { /* The next time, perhaps. */ }
  if (element.dataset.live) due(element);
}
document.querySelectorAll("[data-live]").forEach(due);
// A form that was sent is not sent twice by a second click.
document.addEventListener("submit", (event) => {
  if (event.target.dataset.sent) return event.preventDefault();
  if (event.target.method === "post") event.target.dataset.sent = "1";
});
addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent));
