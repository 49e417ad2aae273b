// What every page of the console does: theme, keyboard, copying ids, fragments by htmx, live values.
import htmx from "htmx.org/dist/htmx.esm.min.js";
import { care } from "./care.js";
import { energy } from "./energy.js";
import { said } from "./formats.js";
import { inbox } from "./inbox.js";
import * as live from "./live.js";
import "./palette.js";
import { say } from "./say.js";
import { sessions } from "./sessions.js";
import { sites } from "./sites.js";
import { station } from "./station.js";
import { stations } from "./stations.js";

const YEAR_S = 31_536_000, COPIED_MS = 1200, NAV_FADE_PX = 44;
const root = document.documentElement, preference = matchMedia("(prefers-color-scheme: dark)");

document.getElementById("theme")?.addEventListener("click", () => {
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : preference.matches;
  root.dataset.theme = dark ? "light" : "dark";
  document.cookie = `theme=${root.dataset.theme}; path=/; max-age=${YEAR_S}; samesite=lax`;
  dispatchEvent(new Event("themechange"));
});
document.getElementById("language")?.addEventListener("change", ({ target }) => {
  document.cookie = `language=${target.value}; path=/; max-age=${YEAR_S}; samesite=lax`;
  location.reload();
});
preference.addEventListener("change", () => dispatchEvent(new Event("themechange")));

document.addEventListener("click", async ({ target }) => {
  const copy = target.closest("[data-copy]");
  if (!copy) return;
  try { await navigator.clipboard.writeText(copy.dataset.copy); } catch { return; }
  copy.dataset.copied = "";
  say(said("copied", copy.dataset.copy));
  setTimeout(() => delete copy.dataset.copied, COPIED_MS);
});

// On a phone the navigation is a row that scrolls: it begins at the page one is on.
const nav = document.querySelector("body > .nav"), here = nav?.querySelector("[aria-current]");
const cut = () => nav.toggleAttribute("data-scrolled", nav.scrollLeft > 0);
nav?.addEventListener("scroll", cut, { passive: true });
if (here && here.offsetLeft + here.offsetWidth > nav.clientWidth - NAV_FADE_PX) nav.scrollLeft = here.offsetLeft - nav.clientWidth / 3;

live.watch();
document.addEventListener("htmx:after:swap", live.watch);
care(live);
if (document.getElementById("stations")) stations(htmx, live);
if (document.querySelector(".station-head, #ask")) station(htmx, live);
if (document.querySelector("[data-sessions], [data-session]")) sessions(htmx, live);
energy(htmx);
inbox(live);
sites(live);
