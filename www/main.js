/** Starts the page; a page whose parts are missing says so in a sentence. */

try {
  await import("./app.js");
} catch (cause) {
  document.body.dataset.state = "error";
  const byId = (id) => document.getElementById(id);
  const text =
    "A part of this page did not arrive, so nothing can be written: load the page again.";
  byId("trouble-text").textContent = text;
  byId("trouble-detail").textContent = String(cause);
  byId("trouble-action").textContent = "Load the page again";
  byId("trouble-action").addEventListener("click", () => location.reload());
  byId("trouble").hidden = false;
  byId("bar").hidden = true;
  byId("announcer").textContent = text;
}
