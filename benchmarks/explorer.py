"""How quickly the explorer answers in Chromium, at 1200 x 700: medians, least and largest of many acts.

python benchmarks/explorer.py

Times are those of `performance.now` in the page, from the act of the reader to the frame with the answer.
Needs the tools of the tests (`make test` installs them) and the Chromium of the distribution.
"""

import statistics
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1] / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "explorer")]

from browser import ARGUMENTS, CHROMIUM  # noqa: E402
from driver import SESSION, Explorer  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402

from lintrans.explorer import explorer_page  # noqa: E402

SIZE = {"width": 1200, "height": 700}
REPEATS = 15
PRELUDE = f"""
  const page = {SESSION};
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const until = async (test) => {{ while (!test()) await frame(); await frame(); }};
  const diagram = page.part("diagram").image, basin = page.part("plane").basin;
  const idle = () => until(() => page.pool.isIdle());
"""
CURSOR = """
  const times = [];
  for (let i = 0; i < n; i += 1) {
    const began = performance.now();
    page.set({ mu: 0.7 + 1.3 * ((i * 0.618) % 1) }, { drag: true });
    await frame();
    times.push(performance.now() - began);
  }
  page.store.commit();
  await idle();
  return times;
"""
DIAGRAM = """
  const times = [];
  for (let i = 0; i < n; i += 1) {
    await idle();
    const began = performance.now();
    const window = [0.61 + 0.05 * i, 2.08 - 0.001 * i];
    page.set({ window });
    await until(() => diagram.found.place.x === window);
    times.push(performance.now() - began);
  }
  await idle();
  return times;
"""
BASIN = """
  const times = { first: [], full: [] };
  page.set({ decay: 0, plane: [-2.6, 2.6, -2.6, 2.6], show: "auto", ...state });
  for (let i = 0; i < n; i += 1) {
    await idle();
    const began = performance.now();
    const last = basin.cells;
    page.set({ mu: state.mu + 1e-4 * (i + 1) });
    await until(() => basin.cells !== last);
    times.first.push(performance.now() - began);
    await until(() => basin.cells.stride === 1);
    times.full.push(performance.now() - began);
  }
  await idle();
  return times;
"""
ANIMATION = """
  page.set({ mu: 1.5, u: 0.4, v: 0.4, decay: 0, steps: 5000, speed: 240, t: 0 });
  await idle();
  const times = [];
  let last = performance.now();
  page.clock.play();
  while (times.length < 240) {
    const now = await frame();
    times.push(now - last);
    last = now;
  }
  page.clock.pause();
  return times.slice(10);
"""
BASINS = {
    "basin at mu = 0.9, sharpness": {"mu": 0.9},
    "basin at mu = 1.5, sides of chaos": {"mu": 1.5},
    "basin at mu = 1.7, steps": {"mu": 1.7},
    "basin with weight decay": {"mu": 0.5, "decay": 0.4, "plane": [-4, 4, -4, 4]},
}


def measure(tab, code, **given):
    names = ", ".join(given)
    script = f"async ({{ {names} }}) => {{ {PRELUDE} {code} }}"
    return tab.evaluate(script, given)


def line(name, times, target):
    median, low, high = statistics.median(times), min(times), max(times)
    print(f"{name:<42} {median:8.1f} ms  ({low:.1f} to {high:.1f})   target {target} ms", flush=True)


def main():
    page = explorer_page(mu=1.5)
    path = Path("explorer_benchmark.html").resolve()
    page.save(path, force=True)
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        tab = chromium.new_context(viewport=SIZE).new_page()
        tab.goto(path.as_uri())
        Explorer(tab)
        print(f"Chromium {chromium.version}, page of {page.size / 1000:.0f} kB")
        line("cursor to new orbit and verdict", measure(tab, CURSOR, n=60), 50)
        line("orbit diagram", measure(tab, DIAGRAM, n=REPEATS), 150)
        for name, state in BASINS.items():
            found = measure(tab, BASIN, n=REPEATS, state=state)
            line(f"{name}: first picture", found["first"], 100)
            line(f"{name}: full", found["full"], 1000)
        frames = measure(tab, ANIMATION)
        late = sum(t > 20 for t in frames) / len(frames)
        rate = 1000 / statistics.mean(frames)
        print(f"animation: {rate:.1f} frames a second, {late:.1%} of {len(frames)} late")
        chromium.close()
    path.unlink()


if __name__ == "__main__":
    main()
