// What moves on the page: the curves, drawn by uPlot, and pictures over time.
"use strict";
(() => {
  const given = (id) => JSON.parse(document.getElementById(id).textContent);
  const charts = given("charts");
  const albums = given("albums");
  const SYNC = uPlot.sync("calotype");
  const colour = (n) => getComputedStyle(document.documentElement).getPropertyValue(n).trim();
  const curveColour = (n) => colour(`--c${n % 8}`);
  const number = (v) => v == null ? "" : Math.abs(v) >= 1e5 || (v !== 0 && Math.abs(v) < 1e-3) ? v.toExponential(2) : String(+v.toPrecision(4));
  const clock = (s) => {
    const [h, m] = [Math.floor(s / 3600), Math.floor(s / 60) % 60];
    return h > 0 ? `${h} h ${m} min` : m > 0 ? `${m} min ${Math.round(s % 60)} s` : `${+s.toFixed(1)} s`;
  };

  // An exponential moving average without the bias of its beginning.
  const smoothed = (values, weight) => {
    let [sum, norm] = [0, 0];
    return values.map((v) => {
      sum = weight * sum + (1 - weight) * v;
      norm = weight * norm + (1 - weight);
      return sum / norm;
    });
  };

  // Few points are shown as they are.
  const FEW = 40;

  class Chart {
    constructor(figure, chart) {
      this.figure = figure;
      this.chart = chart;
      this.hidden = new Set();
      this.legend();
      new ResizeObserver(() => this.plot?.setSize(this.size())).observe(figure.querySelector(".plot"));
    }

    size() {
      const width = Math.max(200, this.figure.querySelector(".plot").clientWidth);
      return { width, height: Math.round(Math.min(340, Math.max(220, width * 0.4))) };
    }

    // A button a curve, with its value where the pointer is.
    legend() {
      this.values = this.chart.curves.map((curve, n) => {
        const button = document.createElement("button");
        button.type = "button";
        button.ariaPressed = "true";
        const swatch = document.createElement("i");
        swatch.className = "swatch";
        const [name, value] = [document.createElement("span"), document.createElement("b")];
        name.textContent = curve.name;
        button.append(swatch, name, value);
        button.addEventListener("click", () => {
          if (!this.hidden.delete(n)) this.hidden.add(n);
          button.ariaPressed = String(!this.hidden.has(n));
          this.draw();
        });
        this.figure.querySelector(".legend").append(button);
        return { swatch, value, curve };
      });
      this.where = document.createElement("span");
      this.where.className = "dim";
      this.figure.querySelector(".legend").append(this.where);
    }

    // The values at a place of the x axis, or the last ones.
    show(x) {
      for (const { value, curve } of this.values) {
        const xs = curve[settings.over];
        let at = xs.length - 1;
        if (x != null) {
          while (at > 0 && Math.abs(xs[at - 1] - x) <= Math.abs(xs[at] - x)) at--;
        }
        value.textContent = number(curve.mean[at]);
      }
      this.where.textContent = x == null ? "" : settings.over === "step" ? `step ${Math.round(x)}` : clock(x);
    }

    // One more value of a curve; whether it is one of this chart's.
    add({ name, step, time, value }) {
      const curve = this.chart.curves.find((curve) => curve.name === name);
      if (!curve) return false;
      if (step <= curve.step[curve.step.length - 1]) return true;
      curve.step.push(step);
      curve.time.push(time);
      curve.mean.push(value);
      if (curve.least.length) curve.least.push(value);
      if (curve.largest.length) curve.largest.push(value);
      return true;
    }

    // Drawn anew with what was added; what is zoomed into stays.
    update() {
      const { min, max } = this.plot?.scales.x ?? {};
      const zoomed = this.plot && (min > this.ends[0] || max < this.ends[1]);
      this.draw();
      if (zoomed) this.plot?.setScale("x", { min, max });
    }

    draw() {
      this.plot?.destroy();
      this.plot = null;
      const tables = [];
      const series = [{}];
      const bands = [];
      let positive = true;
      this.chart.curves.forEach((curve, n) => {
        const stroke = curve.floor ? colour("--dim") : curveColour(n);
        this.values[n].swatch.style.background = stroke;
        if (this.hidden.has(n)) return;
        positive &&= (curve.least.length ? curve.least : curve.mean).every((v) => v > 0);
        const columns = [curve[settings.over]];
        const add = (values, options) => {
          columns.push(values);
          series.push({ points: { show: false }, spanGaps: true, ...options });
        };
        if (curve.largest.length) {
          add(curve.largest, { stroke: "transparent" });
          add(curve.least, { stroke: "transparent" });
          bands.push({ series: [series.length - 2, series.length - 1], fill: `${stroke}22` });
        }
        const weight = curve.mean.length > FEW && !curve.floor ? settings.smoothing : 0;
        if (weight > 0) add(curve.mean, { stroke: `${stroke}55`, width: 1 });
        const few = curve.mean.length <= FEW;
        add(smoothed(curve.mean, weight), { stroke, width: 2, dash: curve.floor ? [6, 4] : undefined, points: { show: few && !curve.floor, size: 5 } });
        tables.push(columns);
      });
      if (tables.length === 0) return;
      const log = settings.log ?? this.chart.log;
      const axis = { stroke: colour("--dim"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") } };
      const options = {
        ...this.size(),
        series,
        bands,
        legend: { show: false },
        cursor: { sync: { key: SYNC.key, scales: ["x", null] }, focus: { prox: -1 }, drag: { x: true, y: false } },
        scales: { x: { time: false }, y: log ? { distr: positive ? 3 : 4 } : {} },
        axes: [
          { ...axis, values: (_, all) => all.map((v) => settings.over === "step" ? (v >= 1e4 ? `${+(v / 1e3).toFixed(2)}k` : v) : clock(v)), size: 36, space: 70 },
          { ...axis, values: (_, all) => all.map((v) => v == null ? "" : number(v)), size: 64 },
        ],
        hooks: { setCursor: [(u) => this.show(u.cursor.idx == null || u.cursor.left < 0 ? null : u.data[0][u.cursor.idx])] },
      };
      const data = uPlot.join(tables);
      this.ends = [data[0][0], data[0][data[0].length - 1]];
      this.plot = new uPlot(options, data, this.figure.querySelector(".plot"));
      const over = this.plot.over;
      over.addEventListener("touchmove", (event) => {
        const [touch, box] = [event.touches[0], over.getBoundingClientRect()];
        this.plot.setCursor({ left: touch.clientX - box.left, top: touch.clientY - box.top });
      }, { passive: true });
      this.show(null);
    }
  }

  const control = (id) => document.getElementById(id);
  const settings = { smoothing: 0.6, log: null, over: "step" };
  const drawn = [...document.querySelectorAll(".chart")].map((figure) => new Chart(figure, charts[figure.dataset.chart]));
  const draw = () => {
    drawn.forEach((chart) => chart.draw());
    document.querySelectorAll("[data-colour]").forEach((swatch) => { swatch.style.background = curveColour(+swatch.dataset.colour); });
  };
  if (control("smoothing")) {
    const read = () => {
      settings.smoothing = +control("smoothing").value;
      settings.over = control("over").value;
      draw();
    };
    control("smoothing").addEventListener("input", read);
    control("over").addEventListener("change", read);
    control("log").addEventListener("change", () => { settings.log = control("log").checked; draw(); });
  }
  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

  // Pictures over time. The last one of an album is in the page already.
  const shown = [...document.querySelectorAll(".album")].map((figure) => {
    const frames = albums[figure.dataset.album];
    const [image, slider, play, step] = ["img", ".time", ".play", ".step"].map((s) => figure.querySelector(s));
    frames[frames.length - 1].src = image.src;
    const show = (n) => {
      image.src = frames[n].src;
      if (step) step.textContent = `step ${frames[n].step.toLocaleString("en")}`;
      if (slider) slider.value = n;
    };
    show(frames.length - 1);
    // One more picture, which is shown if the last one was. Whether there is a place for it.
    const add = (frame) => {
      if (frame.step <= frames[frames.length - 1].step) return true;
      if (!slider) return false;
      const follows = +slider.value === frames.length - 1;
      frames.push(frame);
      slider.max = frames.length - 1;
      if (follows && !timer) show(frames.length - 1);
      return true;
    };
    let timer = null;
    const stop = () => {
      clearInterval(timer);
      timer = null;
      play.textContent = "\u25B6";
    };
    slider?.addEventListener("input", () => { if (timer) stop(); show(+slider.value); });
    play?.addEventListener("click", () => {
      if (timer) return stop();
      let n = +slider.value === frames.length - 1 ? -1 : +slider.value;
      play.textContent = "\u275A\u275A";
      timer = setInterval(() => { show(++n); if (n === frames.length - 1) stop(); }, 250);
    });
    return { title: figure.dataset.title, frames, show, add };
  });
  window.calotype = { charts: drawn, albums: shown };

  // Of several runs: each as it was at a step, or last before it.
  const together = control("together");
  if (together) {
    const steps = [...new Set(shown.flatMap((album) => album.frames.map((f) => f.step)))].sort((a, b) => a - b);
    const show = () => {
      const step = steps[+together.value];
      control("together-step").textContent = `step ${step.toLocaleString("en")}`;
      for (const album of shown) album.show(Math.max(0, album.frames.findLastIndex((f) => f.step <= step)));
    };
    together.max = steps.length - 1;
    together.value = together.max;
    together.addEventListener("input", show);
    show();
  }
})();
