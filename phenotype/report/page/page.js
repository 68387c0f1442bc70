"use strict";
// Comfort only: without this script every row and every picture is still there.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      body.append(...[...body.rows].sort((a, b) => (down ? -1 : 1) * compare(a, b, column)));
    });
  });
}
function compare(a, b, column) {
  const [x, y] = [a, b].map((row) => row.cells[column].dataset.sort ?? row.cells[column].textContent.trim());
  const [p, q] = [x, y].map(Number);
  if (x !== "" && y !== "" && !Number.isNaN(p) && !Number.isNaN(q)) return p - q;
  return x.localeCompare(y, "en", { numeric: true });
}
for (const input of document.querySelectorAll("input[data-filters]")) {
  const rows = [...document.getElementById(input.dataset.filters).tBodies[0].rows];
  const said = document.getElementById(input.dataset.says);
  input.closest(".search").hidden = false;
  input.addEventListener("input", () => {
    const wanted = input.value.trim().toLowerCase();
    for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
    said.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} shown`;
  });
}
// Pictures of gates are packed: hundreds of them would else be read before the first is looked at.
async function unpack(image) {
  const packed = document.getElementById(image.dataset.packed);
  delete image.dataset.packed;
  const bytes = Uint8Array.from(atob(packed.textContent.trim()), (sign) => sign.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const drawn = new Blob([await new Response(stream).arrayBuffer()], { type: "image/svg+xml" });
  image.src = URL.createObjectURL(drawn);
}
for (const details of document.querySelectorAll("details")) {
  details.addEventListener("toggle", () => {
    if (details.open) for (const image of details.querySelectorAll("img[data-packed]")) unpack(image);
  });
}
// A link to what lies in a closed part opens it.
function openTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const details = target?.closest("details");
  if (details && !details.open) {
    details.open = true;
    target.scrollIntoView();
  }
}
window.addEventListener("hashchange", openTarget);
openTarget();
