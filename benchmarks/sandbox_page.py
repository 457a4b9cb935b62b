"""How quickly the page of the sandbox answers in Chromium: medians, least and largest of many acts.

    .venv/bin/python benchmarks/sandbox_page.py

A scrub is timed from the input event of the slider to the end of the frame in which all visible panels are
drawn; training in the steps that the worker reports. Needs the tools of the tests (`make test` installs them)
and the Chromium of the distribution.
"""

import statistics
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1] / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "sandbox")]

from browser import ARGUMENTS, CHROMIUM  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402
from sandbox_driver import SESSION, Sandbox  # noqa: E402

from lintrans.sandbox import run_page, train  # noqa: E402

VIEWS = {
    "1200 x 700, one run": ((1200, 700), ""),
    "1200 x 700, two runs": ((1200, 700), "other=1"),
    "1920 x 1080, one run": ((1920, 1080), ""),
}
N_SCRUBS, SECONDS = 150, 6
SCRUB = f"""
async (n) => {{
  const page = {SESSION}, slider = document.querySelector(".scrub > input"), times = [];
  const drawn = () => new Promise((done) => requestAnimationFrame(() => {{
    const channel = new MessageChannel();
    channel.port1.onmessage = done;
    channel.port2.postMessage(0);
  }}));
  for (let i = 0; i < n; i += 1) {{
    const began = performance.now();
    slider.value = (i * 37) % 1000;
    slider.dispatchEvent(new Event("input", {{ bubbles: true }}));
    await drawn();
    times.push(performance.now() - began);
    await new Promise((done) => setTimeout(done, 20 * Math.random()));
  }}
  return times;
}}
"""
TRAIN = f"""
async (seconds) => {{
  const page = {SESSION};
  page.live.start();
  while (!page.live.isRunning) await new Promise((done) => setTimeout(done, 10));
  await new Promise((done) => setTimeout(done, 500));
  const first = page.live.state.step, began = performance.now();
  await new Promise((done) => setTimeout(done, 1000 * seconds));
  const rate = (page.live.state.step - first) / ((performance.now() - began) / 1000);
  page.live.stop();
  return rate;
}}
"""


def main():
    page = run_page(train(seeds=[1, 12], n_snapshots=1001), 1, 12)
    path = Path("sandbox_benchmark.html").resolve()
    page.save(path, force=True)
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        print(f"Chromium {chromium.version}, page of {page.size / 1e6:.2f} MB, two runs of 1,001 snapshots")
        for name, ((width, height), fragment) in VIEWS.items():
            context = chromium.new_context(viewport={"width": width, "height": height})
            tab = context.new_page()
            tab.goto(f"{path.as_uri()}#other=-1&{fragment}")
            Sandbox(tab)
            tab.evaluate(SCRUB, 20)
            times = tab.evaluate(SCRUB, N_SCRUBS)
            low, high = min(times), max(times)
            late = statistics.quantiles(times, n=10)[-1]
            print(f"scrub, {name}: {statistics.median(times):.1f} ms (lowest {low:.1f}, 90 % {late:.1f}, "
                  f"highest {high:.1f}), target 33 ms", flush=True)  # fmt: skip
            rate = tab.evaluate(TRAIN, SECONDS)
            print(f"training while drawing, {name}: {rate:,.0f} steps a second, target 5,000", flush=True)
            context.close()
        chromium.close()
    path.unlink()


if __name__ == "__main__":
    main()
