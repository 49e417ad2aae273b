// The same words and rounding as forecourt/ui/formats.py: a number never changes when the live value equals the page's.
const NOTHING = "–";
const language = document.documentElement?.lang || "en";
const fixed = (digits) => new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
const one = fixed(1), two = fixed(2), whole = fixed(0);

export const kw = (powerW) => one.format(Math.round(powerW / 100) / 10 + 0);

const formats = {
  kw: (v) => `${kw(v)}\u00a0kW`,
  kwh: (v) => `${two.format(Math.round(v / 10) / 100 + 0)}\u00a0kWh`,
  pct: (v) => `${v}\u00a0%`,
  count: (v) => whole.format(v),
};

const words = JSON.parse(document.querySelector('meta[name="words"]')?.content || "{}");
export const said = (name, what = "") => (words[`said.${name}`] ?? "").replace("{what}", what);
export const stateWord = (state) => words[state] ?? state;

export const show = (format, value) => (value === null || value === undefined ? (format === "word" ? "" : NOTHING) : (formats[format]?.(value) ?? String(value)));

export function ago(at) {
  const ageS = Math.floor((Date.now() - at) / 1000), days = Math.floor(ageS / 86_400);
  const say = (word, n) => (words[word] ?? "").replace("%(n)s", n);
  if (ageS < 60) return say("now");
  if (ageS < 3600) return say("minutes", Math.floor(ageS / 60));
  if (ageS < 86_400) return say("hours", Math.floor(ageS / 3600));
  return say(days > 1 ? "days" : "day", days);
}
