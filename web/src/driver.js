// Asks for the part of the page that changes, and puts it in place unless somebody is just typing there.
const own = document.querySelector("script[data-part]"), main = document.getElementById("main");
const { part, every } = own.dataset;
let wait = every * 1000;

async function ask() {
  try {
    const answer = await fetch(part, { cache: "no-store" });
    if (answer.ok) {
      const read = new DOMParser().parseFromString(await answer.text(), "text/html");
      const next = read.getElementById("main") ?? read.body;
      const before = main.querySelector("[data-stage]")?.dataset.stage, now = next.querySelector("[data-stage]")?.dataset.stage;
      const typing = main.contains(document.activeElement) && document.activeElement.matches("input");
      // Another stage is another page: what it asks for, and whether it asks again, is the server's to say.
      if (now !== before) return location.replace(own.dataset.page ?? location.pathname);
      if (!typing && !main.querySelector("details[open]")) main.replaceChildren(...next.childNodes);
      wait = every * 1000;
    }
  } catch {
    wait = Math.min(wait * 2, 30000);
  }
  setTimeout(ask, document.hidden ? Math.max(wait, 15000) : wait);
}
setTimeout(ask, wait);
