// The inbox reads its lists anew when somebody knocks; the sheet for an installer is printed.
const LOOK_EVERY_MS = 300;

export function inbox(live) {
  const page = document.getElementById("inbox");
  if (page) {
    // What the page was made from: the first news after it is what differs.
    let seen = page.dataset.knockedAt;
    live.onCells(LOOK_EVERY_MS, () => {
      const at = live.cell("totals.knocked_at"), strangers = live.cell("totals.strangers");
      if (at === undefined) return;
      const now = String(at ?? "");
      if (now !== seen || (page.dataset.strangers ?? String(strangers)) !== String(strangers)) document.body.dispatchEvent(new CustomEvent("inboxchanged"));
      seen = now;
      page.dataset.strangers = strangers;
    });
    // The form stands beside the list on a desk and below it on a telephone.
    document.addEventListener("htmx:after:swap", () => {
      const form = document.querySelector("#adopt form, #adopt [role=status]");
      if (form && form !== page.shown) form.closest("section").scrollIntoView({ block: "nearest" });
      page.shown = form;
    });
  }
  for (const print of document.querySelectorAll("[data-print]")) {
    print.hidden = false;
    print.addEventListener("click", () => window.print());
  }
}
