// What is new, as `calotype watch` sends it.
"use strict";
(() => {
  const live = document.getElementById("live");
  const lost = document.getElementById("lost");
  const events = new EventSource(live.dataset.events);
  const now = (name) => live.querySelector(`[data-now="${name}"]`);
  const on = (kind, heard) => events.addEventListener(kind, (event) => {
    lost.hidden = true;
    heard(event.data && JSON.parse(event.data));
  });
  events.addEventListener("open", () => { lost.hidden = true; });
  events.addEventListener("error", () => { lost.hidden = false; });

  // Where the page has no place for what comes, it is made anew.
  let again = null;
  const reload = () => { again ??= setTimeout(() => location.reload(), 300); };
  on("reload", reload);

  on("status", (status) => {
    live.hidden = !status.alive;
    if (!status.alive) return;
    const progress = live.querySelector("progress");
    [progress.max, progress.value] = [status.steps, status.step];
    for (const [name, text] of Object.entries(status.words)) now(name).textContent = text;
    const pause = live.querySelector("[data-ask=pause], [data-ask=resume]");
    [pause.dataset.ask, pause.textContent] = status.paused ? ["resume", "Go on"] : ["pause", "Pause"];
    live.classList.toggle("paused", status.paused);
  });

  // A part of the page as it is now; ticks stay, and what was unfolded.
  on("part", ({ id, html }) => {
    const part = document.getElementById(id);
    const ticked = new Set([...part.querySelectorAll("input:checked")].map((box) => box.value));
    const open = part.querySelector("details")?.open;
    part.innerHTML = html;
    part.querySelectorAll("input").forEach((box) => { box.checked = ticked.has(box.value); });
    if (open) part.querySelector("details")?.setAttribute("open", "");
  });

  // Of a measure that came for the first time there is no curve; with the second value there is one.
  const unknown = new Set();
  on("points", (points) => {
    const { charts } = window.calotype;
    const changed = new Set();
    for (const point of points) {
      const chart = charts.find((chart) => chart.add(point));
      if (chart) changed.add(chart);
      else if (unknown.has(point.name)) reload();
      else unknown.add(point.name);
    }
    changed.forEach((chart) => chart.update());
  });

  on("picture", ({ title, step, src }) => {
    const album = window.calotype.albums.find((album) => album.title === title);
    if (!album?.add({ step, src })) reload();
  });

  const answer = document.getElementById("answer");
  live.querySelectorAll("[data-ask]").forEach((button) => button.addEventListener("click", async () => {
    const said = await fetch(`control/${button.dataset.ask}`, { method: "POST" }).then((r) => r.text(), () => "no answer from calotype watch");
    answer.textContent = said;
  }));
})();
