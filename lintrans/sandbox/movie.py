"""Movies: the layers of one run over its epochs, as GIF or MP4."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.animation import AbstractMovieWriter, FFMpegWriter, PillowWriter

from lintrans.errors import InputError, count, require_extra
from lintrans.plotting.style import STYLE
from lintrans.sandbox.figures import Frames
from lintrans.sandbox.runs import Runs
from lintrans.sweeps.grid import Progress
from lintrans.sweeps.store import check_output, replacing

FORMATS = (".gif", ".mp4")
DPI = 160
N_FRAMES, FPS = 200, 20
MAX_FRAMES = 10_000
MAX_FPS, MAX_FPS_OF_GIF = 120, 50


def save_movie(
    runs: Runs,
    seed: int,
    path: str | os.PathLike[str],
    *,
    n_frames: int = N_FRAMES,
    fps: int = FPS,
    force: bool = False,
    progress: Progress | None = None,
) -> int:
    """Write a movie of one run; either completely or not at all. Returns the number of frames.

    Parameters
    ----------
    runs, seed
        Which run; the model must have d = 2.
    path
        Ends in .gif or .mp4; the second needs the extra ``movie``.
    n_frames
        Evenly spaced over the epochs, first and last among them; at most one an epoch, and the start.
    fps
        Frames a second, at most 120; of a GIF at most 50. A GIF counts in hundredths of a second: each frame
        takes the nearest number of them.
    force
        Replace a file that exists.
    progress
        Called with frames done and frames in all.

    Raises
    ------
    InputError
        If there is no such run, d is not 2, or as `check_movie_path`.
    MissingExtraError
        If the name ends in .mp4 and imageio-ffmpeg is not installed.
    """
    check_movie_path(path, force=force)
    speed = _speed(Path(path), fps)
    if runs.model.d != 2:
        raise InputError(f"d must be 2 for a movie, which draws planes, got {runs.model.d}; train with d = 2")
    n = min(count("n_frames", n_frames, minimum=2, maximum=MAX_FRAMES), runs.epoch.size)
    epochs = np.linspace(0, runs.epoch[-1], n).round().astype(np.int64)
    states = runs.replay(seed, epochs * runs.training.per_epoch(runs.task))
    with rc_context(STYLE), replacing(path, force=force) as part:
        frames = Frames(runs, seed, states[:, 0])
        writer = _writer(Path(path), speed)
        with writer.saving(frames.figure, str(part), DPI):
            for i, epoch in enumerate(epochs.tolist()):
                frames.show(i, epoch)
                writer.grab_frame()
                if progress:
                    progress(i + 1, n, {})
    return n


def check_movie_path(path: str | os.PathLike[str], *, force: bool = False) -> Path:
    """Check the name of a movie, before any work is done.

    Raises
    ------
    InputError
        If it ends otherwise, or as `lintrans.sweeps.check_output`.
    MissingExtraError
        If it needs a package that is not installed.
    """
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise InputError(
            f"movie must end in one of {', '.join(FORMATS)}, got {path.name!r}; change the ending"
        )
    if path.suffix.lower() == ".mp4":
        require_extra("movie", "imageio_ffmpeg", "a movie in MP4")
    return check_output(path, force=force)


def _speed(path: Path, fps: int) -> Any:
    """Frames a second, in the units of the format."""
    if path.suffix.lower() != ".gif":
        return count("fps", fps, maximum=MAX_FPS)
    hundredths = round(100 / count("fps", fps, maximum=MAX_FPS_OF_GIF))
    return 100 / (hundredths + 0.01)  # the writer rounds a frame's time down


def _writer(path: Path, fps: Any) -> AbstractMovieWriter:
    if path.suffix.lower() == ".gif":
        return PillowWriter(fps=fps)
    import matplotlib as mpl
    from imageio_ffmpeg import get_ffmpeg_exe

    mpl.rcParams["animation.ffmpeg_path"] = get_ffmpeg_exe()  # within the settings of `save_movie`
    return FFMpegWriter(fps=fps, codec="libx264", extra_args=["-pix_fmt", "yuv420p"])
