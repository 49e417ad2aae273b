// Tells people who listen instead of looking what has just happened.
export function say(words) {
  const line = document.getElementById("said");
  if (line) line.textContent = words;
}
