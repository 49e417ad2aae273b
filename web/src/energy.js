// A site's plan is drawn. The editor of its electrics: rows are added and removed, lists of nodes follow, EVSEs are dragged onto the drawing.
const NEW = "new-";

export function energy(htmx) {
  const chart = document.querySelector("[data-plan]");
  if (chart) import("./plan.js").then(({ start }) => start(chart));
  const form = document.getElementById("electrics");
  if (!form) return;
  const edited = () => htmx.trigger(form, "edited");
  for (const button of form.querySelectorAll("[data-add], [data-remove]")) button.hidden = false;
  // The empty row at the end of each list is what a new one is made of.
  const blanks = {};
  for (const list of form.querySelectorAll("[data-rows]")) {
    blanks[list.dataset.rows] = list.lastElementChild;
    list.lastElementChild.remove();
  }
  let number = Math.max(0, ...[...form.querySelectorAll('[name$=".id"]')].map(({ value }) => Number(/\d+$/.exec(value)?.[0] ?? 0)));

  form.addEventListener("click", ({ target }) => {
    const add = target.closest("[data-add]"), remove = target.closest("[data-remove]");
    if (add) {
      const of = add.dataset.add, row = blanks[of].cloneNode(true);
      row.querySelector(`[name="${of}.id"]`).value = `${NEW}${of}-${++number}`;
      form.querySelector(`[data-rows="${of}"]`).append(row);
      follow();
      row.querySelector("input:not([type=hidden])").focus();
    }
    if (remove) {
      const row = remove.closest(".edit-row"), next = row.nextElementSibling ?? row.previousElementSibling;
      // What hung on a node that is removed hangs on the one above it.
      const id = row.querySelector('[name="node.id"]')?.value, above = row.querySelector('[name="node.parent"]')?.value;
      if (above) for (const select of form.querySelectorAll("select[data-nodes]")) if (select.value === id) select.value = above;
      row.remove();
      follow();
      (next?.querySelector("input:not([type=hidden])") ?? form.querySelector(`[data-add]`)).focus();
      edited();
    }
  });

  // Every list of nodes names those that there are by now; a choice that is gone becomes none.
  function follow() {
    const nodes = [...form.querySelectorAll('[data-row-of="node"]')]
      .map((row) => [row.querySelector('[name="node.id"]').value, row.querySelector('[name="node.name"]').value])
      .filter(([id, name]) => name || !id.startsWith(NEW));
    for (const select of form.querySelectorAll("select[data-nodes]")) {
      const chosen = select.value, none = select.querySelector('option[value=""]');
      select.replaceChildren(...(none ? [none] : []), ...nodes.map(([id, name]) => new Option(name || id, id)));
      select.value = nodes.some(([id]) => id === chosen) || !chosen ? chosen : "";
      if (select.selectedIndex < 0) select.selectedIndex = 0;
    }
  }
  form.addEventListener("change", ({ target }) => {
    if (target.name === "node.name") follow();
    edited();
  });

  let dragged;
  form.addEventListener("dragstart", (event) => {
    dragged = event.target.closest?.("[data-evse]");
    if (!dragged) return;
    dragged.dataset.dragged = "";
    event.dataTransfer.setData("text/plain", dragged.dataset.evse);
  });
  form.addEventListener("dragend", () => {
    delete dragged?.dataset.dragged;
    dragged = undefined;
    mark();
  });
  const mark = (box) => {
    for (const each of form.querySelectorAll("[data-drop][data-over]")) each.removeAttribute("data-over");
    box?.setAttribute("data-over", "");
  };
  form.addEventListener("dragover", (event) => {
    const box = dragged && event.target.closest?.("[data-drop]");
    mark(box);
    if (box) event.preventDefault();
  });
  form.addEventListener("drop", (event) => {
    const box = dragged && event.target.closest?.("[data-drop]");
    if (!box) return;
    event.preventDefault();
    const select = dragged.querySelector('[name="evse.node"]');
    // A node that is not stored yet is drawn without the sign that it is new.
    for (const id of [box.dataset.drop, `${NEW}${box.dataset.drop}`])
      if ([...select.options].some((option) => option.value === id)) select.value = id;
    edited();
  });
}
