"""Layer 6: result files. What is saved comes back, other readers understand it, damage is noticed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from importlib.metadata import version

import h5py
import numpy as np
import pytest
import xarray as xr
from problems import OF_BATCHES, OF_THE_PLANE, OF_THE_SANDBOX

import lintrans as lt
from lintrans import registry
from lintrans.sweeps import store
from lintrans.sweeps.results import Result
from lintrans.sweeps.store import FORMAT_NUMBER, check_output, load, replacing, save
from lintrans.two_factor import Variant

MU = np.linspace(0.5, 2.1, 9)
SMALL = {"n_transient": 128, "n_steps": 128}
UNIT = lt.Prompt.from_arrays([[1.0]], [1.0], [1.0], 1.0)


def verification(mu=0.5):
    return lt.verify(UNIT, step_size=mu, value=0.4, key_query=[[0.3]], n_steps=64)


MAKERS = {
    "orbit": lambda: lt.orbit(1.1, 0.4, 0.3, n_steps=20),
    "orbit that escapes": lambda: lt.orbit(2.5, 3, 1, n_steps=20),
    "bifurcation": lambda: lt.bifurcation_diagram(MU, n_transient=128, n_samples=7),
    "bifurcation on a prompt": lambda: lt.bifurcation_diagram(
        MU, start=(0.4, 0.3), n_transient=128, n_samples=7, unit_step_size=0.1
    ),
    "lyapunov": lambda: lt.lyapunov_exponents(MU, **SMALL, unit_step_size=0.1),
    "phase line": lambda: lt.phase_diagram(MU, **SMALL),
    "phase plane": lambda: lt.phase_diagram(MU, scales=[0.5, 1.0, 1.5], unit_step_size=0.1, **SMALL),
    "refined phase plane": lambda: lt.phase_diagram(MU, scales=[0.5, 1.0, 1.5], refine_from=2, **SMALL),
    "lyapunov along alone": lambda: lt.lyapunov_exponents(MU, **SMALL, transverse=False),
    "basin": lambda: lt.basin_map(0.9, u=[-2.0, 0.5, 1.2], v=[-1.0, 0.4]),
    "basin of a variant": lambda: lt.basin_map(
        0.5, u=[-2.0, 0.5], v=[-1.0, 0.4], variant=Variant(0.4, 0.1, (0.5, 1.0))
    ),
    "basin in modes": lambda: lt.basin_map(1.3, a=[0.0, 0.5], b=[0.1, 3.0]),
    **OF_THE_PLANE,
    **OF_BATCHES,
    **OF_THE_SANDBOX,
    "one cell": lambda: lt.phase_diagram([1.1], **SMALL),
    "verification": verification,
    "verification that overflows": lambda: verification(40.0),
}
_made: dict[str, Result] = {}


def made(name):
    if name not in _made:
        _made[name] = MAKERS[name]()
    return _made[name]


every_result = pytest.mark.parametrize("name", MAKERS)


def differences(got, wanted):
    """What tells two results apart; NaN equals NaN."""
    found = [part for part in ("kind", "settings", "versions") if getattr(got, part) != getattr(wanted, part)]
    mine, theirs = ({v.name: v for v in result.variables()} for result in (got, wanted))
    found += sorted(mine.keys() ^ theirs.keys())
    for name in mine.keys() & theirs.keys():
        a, b = mine[name], theirs[name]
        same = (a.dims, a.text, a.values.dtype) == (b.dims, b.text, b.values.dtype)
        if not (same and np.array_equal(a.values, b.values, equal_nan=a.values.dtype.kind == "f")):
            found.append(name)
    return found


@pytest.fixture
def file(tmp_path):
    """A good file; tests spoil it."""
    return save(made("phase plane"), tmp_path / "result.h5")


def refused(path, *needles):
    with pytest.raises(lt.InputError) as error:
        load(path)
    message = str(error.value)
    assert message.startswith(str(path)) and "\n" not in message
    assert [needle for needle in needles if needle not in message] == [], message
    assert message.rpartition(";")[2].strip()
    return message


# What is saved comes back


@every_result
def test_round_trip(name, tmp_path):
    result = made(name)
    got = load(save(result, tmp_path / "x.h5"))
    assert type(got) is type(result) and differences(got, result) == []
    assert got.versions["lintrans"] == version("lintrans")


def test_every_kind_is_among_them():
    assert {made(name).kind for name in MAKERS} == set(registry.kinds())


def test_derived_quantities_come_back(tmp_path):
    verified, orbit = made("verification"), made("orbit")
    got = load(save(verified, tmp_path / "v.h5"))
    for name in ("max_commutation_error", "regime_trained", "agrees", "horizon", "predicted_horizon"):
        assert getattr(got, name) == getattr(verified, name)
    assert load(save(orbit, tmp_path / "o.h5")).loss.tolist() == orbit.loss.tolist()


def test_numbers_of_numpy_in_settings_are_stored_as_pythons(tmp_path):
    result = lt.phase_diagram(
        [0.5], start=np.array([0.4, 0.3], np.float32), n_transient=np.int64(128), n_steps=np.int32(128)
    )
    assert result.settings["start"] == [float(np.float32(0.4)), float(np.float32(0.3))]
    assert differences(load(save(result, tmp_path / "x.h5")), result) == []


@every_result
def test_equal_results_give_equal_files_whenever_written(name, tmp_path):
    first = save(made(name), tmp_path / "a.h5").read_bytes()
    assert save(MAKERS[name](), tmp_path / "b.h5").read_bytes() == first


def test_files_hold_no_time(tmp_path):
    first = save(made("orbit"), tmp_path / "a.h5").read_bytes()
    time.sleep(1.1)  # HDF5 counts whole seconds
    assert save(made("orbit"), tmp_path / "b.h5").read_bytes() == first


def test_these_comparisons_notice_a_changed_bit_and_a_swapped_axis():
    result = made("phase plane")
    evidence = replace(result.evidence, along=np.nextafter(result.evidence.along, 9))
    assert differences(replace(result, evidence=evidence), result) == ["along"]
    assert differences(replace(result, regime=result.regime.T), result) == ["regime"]
    assert differences(replace(result, settings={}), result) == ["settings"]


# Other readers


@every_result
def test_h5py_alone_finds_named_axes_and_meanings(name, tmp_path):
    result = made(name)
    with h5py.File(save(result, tmp_path / "x.h5")) as file:
        assert list(file) == [v.name for v in result.variables()]
        assert (file.attrs["format"], file.attrs["format_number"]) == (b"lintrans", FORMAT_NUMBER)
        assert json.loads(file.attrs["settings"]) == result.settings
        for variable in result.variables():
            data = file[variable.name]
            assert axes_of(data) == variable.dims
            assert data.attrs["long_name"].decode() == variable.text and variable.text
            assert data.fletcher32 and data.compression == "gzip" and data.shuffle
            values = data.asstr()[()] if variable.values.dtype.kind == "U" else data[()]
            np.testing.assert_array_equal(values, variable.values)


def axes_of(data):
    """Names of the axes by the HDF5 dimension scales."""
    if data.is_scale:
        return (data.name[1:],)
    return tuple(scale.name[1:] for dim in data.dims for scale in dim.values())


def test_a_dropped_dimension_scale_would_be_noticed(file):
    with h5py.File(file, "r+") as opened:
        opened["regime"].dims[1].detach_scale(opened["start"])
        assert axes_of(opened["regime"]) == ("mu",)
        assert axes_of(opened["along"]) == ("mu", "start")


@every_result
def test_xarray_reads_axes_and_coordinates(name, tmp_path):
    result = made(name)
    with xr.open_dataset(save(result, tmp_path / "x.h5"), engine="h5netcdf") as data:
        axes = {v.name for v in result.variables() if v.dims == (v.name,)}
        assert set(data.coords) == axes and set(data.sizes) == axes
        for variable in result.variables():
            assert data[variable.name].dims == variable.dims
            assert data[variable.name].attrs["long_name"] == variable.text
            np.testing.assert_array_equal(data[variable.name].values, variable.values)
        assert data.attrs["kind"] == result.kind


# Existing files, unfinished files


def test_existing_files_are_replaced_only_by_force(file):
    before = file.read_bytes()
    with pytest.raises(lt.InputError, match="must not exist"):
        save(made("orbit"), file)
    assert file.read_bytes() == before
    assert load(save(made("orbit"), file, force=True)).kind == "orbit"
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("error", [OSError("no space left on device"), KeyboardInterrupt(), MemoryError()])
@pytest.mark.parametrize("existing", [True, False])
def test_trouble_half_way_leaves_what_was_there(tmp_path, monkeypatch, error, existing):
    path, write, n_written = tmp_path / "x.h5", store._dataset, []
    if existing:
        path.write_bytes(b"old")

    def fails_in_the_third(file, variable, **storage):
        n_written.append(variable.name)
        if len(n_written) == 3:
            raise error
        write(file, variable, **storage)

    monkeypatch.setattr(store, "_dataset", fails_in_the_third)
    with pytest.raises(type(error)):
        save(made("lyapunov"), path, force=True)
    assert len(n_written) == 3
    assert [p.read_bytes() for p in tmp_path.iterdir()] == ([b"old"] if existing else [])


def test_a_killed_process_leaves_the_old_file_whole(tmp_path):
    path = tmp_path / "x.h5"
    path.write_bytes(b"old")
    code = (
        "import os, sys, lintrans as lt\nfrom lintrans.sweeps import store\n"
        "store._dataset = lambda file, variable, **_: (file.create_dataset('mu', data=[1.0]), os._exit(9))\n"
        "lt.save(lt.orbit(1.0, 1.0, 1.0, n_steps=3), sys.argv[1], force=True)"
    )
    assert subprocess.run([sys.executable, "-c", code, path], check=False, timeout=60).returncode == 9
    assert path.read_bytes() == b"old"


def test_a_file_that_appears_meanwhile_is_kept(tmp_path):
    path = tmp_path / "x.h5"
    with pytest.raises(lt.InputError, match="must not exist"), replacing(path) as part:
        part.write_bytes(b"ours")
        path.write_bytes(b"theirs")
    assert path.read_bytes() == b"theirs" and list(tmp_path.iterdir()) == [path]


def test_file_systems_without_hard_links_work_too(tmp_path, monkeypatch):
    def no_links(*_):
        raise OSError("not supported")

    monkeypatch.setattr(os, "link", no_links)
    assert load(save(made("orbit"), tmp_path / "x.h5")).kind == "orbit"
    assert len(list(tmp_path.iterdir())) == 1


def test_files_have_the_permissions_of_others(tmp_path):
    (tmp_path / "usual").touch()
    path = save(made("orbit"), tmp_path / "x.h5")
    assert path.stat().st_mode == (tmp_path / "usual").stat().st_mode


@pytest.mark.parametrize("name", ["none/x.h5", ".", "n" * 300, "file/x.h5", "a\0b"])
def test_impossible_places_are_refused(tmp_path, name):
    (tmp_path / "file").touch()
    with pytest.raises(lt.InputError, match=r"must .*; "):
        check_output(tmp_path / name)


def test_names_of_the_greatest_length_work(tmp_path):
    name = "n" * (os.pathconf(tmp_path, "PC_NAME_MAX") - 3) + ".h5"
    assert load(save(made("orbit"), tmp_path / name)).kind == "orbit"


# Damage


def test_a_flipped_byte_in_the_data_is_detected(file):
    with h5py.File(file) as opened:
        chunk = opened["along"].id.get_chunk_info(0)
    content = bytearray(file.read_bytes())
    content[chunk.byte_offset + chunk.size // 2] ^= 0x01
    file.write_bytes(content)
    refused(file, "not a readable lintrans file")


def spoiled(good, rng):
    """200 damaged copies: a byte flipped, a run of bytes overwritten, or the end cut off."""
    for i in range(200):
        content = bytearray(good)
        where = int(rng.integers(len(good)))
        if i % 4 == 0:
            del content[where:]
        elif i % 4 == 1:
            content[where : where + 16] = rng.bytes(16)
        else:
            content[where] ^= 1 << int(rng.integers(8))
        yield bytes(content)


def unprotected_strings(path):
    """Attributes in the heap without checksums: one wrong byte there and HDF5 never returns."""
    with h5py.File(path) as file:
        keys = [(item, key) for item in (file, *file.values()) for key in item.attrs]
        heap = [key for item, key in keys if item.attrs.get_id(key).dtype.hasobject]
    return [key for key in heap if key not in ("DIMENSION_LIST", "REFERENCE_LIST")]  # never read by us


@every_result
def test_all_of_the_file_is_under_checksums(name, tmp_path):
    path = save(made(name), tmp_path / "x.h5")
    assert unprotected_strings(path) == []
    assert path.read_bytes()[8] == 3  # version of the superblock: HDF5 1.10, whose structure is checksummed


def test_that_check_notices_a_string_of_variable_length(file):
    with h5py.File(file, "r+") as opened:
        opened.attrs["settings"] = "{}"
    assert unprotected_strings(file) == ["settings"]


@pytest.mark.parametrize("name", ["phase line", "verification"])
def test_random_damage_is_refused_or_harmless(name, tmp_path):
    result, path = made(name), tmp_path / "x.h5"
    good, n_refused = save(result, path).read_bytes(), 0
    assert unprotected_strings(path) == []  # else this test might never end
    for content in spoiled(good, np.random.default_rng(3)):
        path.write_bytes(content)
        try:
            assert differences(load(path), result) == []
        except lt.InputError as error:
            assert "\n" not in str(error)
            n_refused += 1
    assert n_refused > 80  # the rest hit gaps, or what only other readers use


# Files that claim to be results


def respell(file, **attributes):
    with h5py.File(file, "r+") as opened:
        for name, value in attributes.items():
            if value is None:
                del opened.attrs[name]
            else:
                opened.attrs[name] = np.bytes_(value) if isinstance(value, str) else value


def rewrite(file, name, values=None, dims=None):
    """Replace an array of a file, or take it out."""
    with h5py.File(file, "r+") as opened:
        dims = opened[name].attrs["dims"] if dims is None else np.bytes_(dims)
        del opened[name]
        if values is not None:
            opened.create_dataset(name, data=values).attrs["dims"] = dims


def test_rewriting_an_array_with_itself_is_harmless(file):
    rewrite(file, "regime", made("phase plane").regime)
    assert differences(load(file), made("phase plane")) == []


def test_missing_and_foreign_files(tmp_path):
    with pytest.raises(lt.InputError, match="no such file"):
        load(tmp_path / "none.h5")
    with pytest.raises(lt.InputError, match="no such file"):
        load(tmp_path)
    (tmp_path / "x.h5").write_bytes(b"")
    refused(tmp_path / "x.h5", "not a readable")
    with h5py.File(tmp_path / "y.h5", "w") as file:
        file["mu"] = [1.0]
    refused(tmp_path / "y.h5", "another program")
    shutil.copy(lt.example_data(), tmp_path / "z.h5")
    refused(tmp_path / "z.h5", "not a readable")


@pytest.mark.parametrize("value", ["pickle", 7, [1, 2], h5py.Empty("f8"), "", None])
def test_another_format_or_kind(file, value):
    respell(file, kind=value)
    refused(file, "kind must be one of", "phase_diagram")
    respell(file, format=value)
    refused(file, "another program")


@pytest.mark.parametrize("value", [FORMAT_NUMBER + 1, 10**9])
def test_a_newer_format(file, value):
    respell(file, format_number=value)
    refused(file, str(value), "upgrade lintrans")


@pytest.mark.parametrize("value", ["one", [1, 2], h5py.Empty("i8"), np.nan, None])
def test_a_format_number_that_is_none(file, value):
    respell(file, format_number=value)
    refused(file, "not a readable")


DEEP = "[" * 20_000 + "]" * 20_000
HOSTILE = ["", "{", "[]", "null", "3", '"text"', "{}{}", "\xff", "{'a': 1}", DEEP, "NaN", "__import__('os')"]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("name", ["settings", "versions"])
def test_hostile_json(file, name, text):
    respell(file, **{name: np.bytes_(text.encode("latin-1"))})
    assert len(refused(file)) < 400


def test_settings_a_result_cannot_do_without(file, tmp_path):
    for settings in ({}, {"start_axis": None}, {"start_axis": ["scale"]}, {"start_axis": "time"}):
        respell(file, settings=json.dumps(settings))
        refused(file, "start_axis")
    path = save(made("orbit"), tmp_path / "o.h5")
    for settings in ({}, {"mu": -1}, {"mu": "x"}, {"mu": None}, {"mu": [1]}, {"mu": float("nan")}):
        respell(path, settings=json.dumps(settings))
        refused(path, "mu must be")


@pytest.mark.parametrize("name", ["mu", "start", "regime", "along", "period_uv"])
def test_a_missing_array(file, name):
    rewrite(file, name)
    refused(file, repr(name))


def test_an_optional_array_may_be_missing_and_others_may_be_there(file):
    rewrite(file, "step_size")
    with h5py.File(file, "r+") as opened:
        opened["extra"] = [1.0]
        opened.create_group("notes")
    assert differences(load(file), made("phase plane")) == ["step_size"]


WRONG = {
    "transposed": ("regime", np.zeros((3, 9), np.uint8), None),
    "one axis": ("regime", np.zeros(27, np.uint8), None),
    "number": ("regime", np.uint8(0), None),
    "too short": ("along", np.zeros((8, 3)), None),
    "empty": ("along", np.zeros((0, 3)), None),
    "float32": ("along", np.zeros((9, 3), np.float32), None),
    "int": ("along", np.zeros((9, 3), np.int64), None),
    "float codes": ("regime", np.zeros((9, 3)), None),
    "text": ("along", np.full((9, 3), b"0.1"), None),
    "objects": ("along", np.full((9, 3), "0.1", dtype=object), None),
    "compound": ("along", np.zeros((9, 3), [("x", "f8")]), None),
    "swapped dims": ("along", np.zeros((9, 3)), "start,mu"),
    "other dims": ("along", np.zeros((9, 3)), "mu"),
    "no dims": ("along", np.zeros((9, 3)), ""),
    "axis of two axes": ("mu", np.ones((9, 1)), None),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_shapes_types_and_axes(file, case):
    name, values, dims = WRONG[case]
    rewrite(file, name, values, dims)
    refused(file, repr(name), "must have")


@pytest.mark.parametrize("values", [MU[::-1], np.full(9, 1.0), np.full(9, np.nan), np.append(MU[:8], np.inf)])
def test_an_axis_that_does_not_increase(file, values):
    rewrite(file, "mu", values)
    refused(file, "'mu'", "increasing")


def test_an_unknown_regime(file):
    rewrite(file, "regime", np.full((9, 3), 77, np.uint8))
    refused(file, "regime", "77")


def test_a_group_in_place_of_an_array(file):
    rewrite(file, "along")
    with h5py.File(file, "r+") as opened:
        opened.create_group("along").attrs["dims"] = np.bytes_("mu,start")
    refused(file)


def test_an_array_without_entries(file):
    rewrite(file, "along", h5py.Empty("f8"))
    refused(file)


def test_arrays_larger_than_memory_are_not_believed(file):
    rewrite(file, "along")
    with h5py.File(file, "r+") as opened:
        opened.create_dataset("along", (10**6, 10**6), "f8", chunks=(1000, 1000)).attrs["dims"] = np.bytes_(
            "mu,start"
        )
    refused(file, "must fit")
