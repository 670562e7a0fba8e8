"""The order in which the target is looked at: what is quick and certain first, so that a later hang takes nothing of it."""

import os

from ptsetup_inside import answer, companions, dists, interpreter, libraries, paths, pipconfig, records, wheel


def look(told, options):
    """Tell the stages one by one."""
    facts = answer.Guarded("target")
    if options.get("only_pip"):
        # for an installation: the settings as they are, which no Snapshot holds
        facts("pip", pipconfig.look, None, True)
        tell(told, "pip", facts)
        return
    interpreter.look(facts)
    facts("cwd", lambda: options["cwd"])
    tell(told, "interpreter", facts)
    path = paths.Path(options["cwd"])
    origin = look_at_path(facts, path)
    folder = wheel.folder_of(path, origin)
    tell(told, "path", facts)
    infos = facts("distributions", dists.kept, path) or []
    look_at_packages(facts, path, folder, infos, bool(options.get("is_deep")))
    tell(told, "packages", facts)
    look_at_libraries(facts, path, folder, infos)
    tell(told, "libraries", facts)
    if options.get("is_deep"):
        hash_files(facts, infos)
        tell(told, "hashes", facts)


def tell(told, stage, facts):
    """Tell what has been found since the last stage."""
    told.tell(stage, {"target": facts.facts}, facts.unknowns)
    facts.facts, facts.unknowns = {}, []


def look_at_path(facts, path):
    """Where imports come from; returns what ``import torch`` would load."""
    facts("sys_path", paths.described, path)
    facts("torch_folders", paths.torch_folders, path)
    facts("cwd_shadows", paths.shadows, path)
    facts("leftovers", dists.leftovers, path)
    origin, is_namespace = facts.take("torch_origin", paths.torch_spec, path) or (None, None)
    facts.facts["torch_origin"], facts.facts["torch_is_namespace"] = origin, is_namespace
    return origin


def look_at_packages(facts, path, folder, infos, is_deep):
    """What is installed and configured."""
    for info in infos:
        facts.take("distributions.%s" % info["name"], records.check, info, is_deep)
    facts("package_count", dists.count, path)
    facts("wheel", wheel.look, folder, infos)
    facts("companions", companions.look, infos, path)
    facts("numpy_core_ok", numpy_core, infos)
    facts("backend_entry_points", dists.entry_points, path)
    version = facts.take("has_pip", dists.pip_version, path)
    facts.facts["has_pip"] = version is not None
    facts("pip", pipconfig.look, version)


def look_at_libraries(facts, path, folder, infos):
    """Files that the dynamic loader may take."""
    folder = wheel.folder_of(path)
    own = facts("wheel_libraries", libraries.brought, folder, path) or []
    facts("shadow_libraries", libraries.shadows, own)
    facts("openmp_libraries", libraries.openmp, folder, path)
    facts("broken_extensions", libraries.broken, folder, infos)


def hash_files(facts, infos):
    """The content of every file against its RECORD; minutes for a build with CUDA."""
    for info in infos:
        if records.CHECKED.fullmatch(info["name"]) and info.get("has_record"):
            info["altered_files"] = facts.take("distributions.%s" % info["name"], records.altered, info)
    facts.facts["distributions"] = infos


def numpy_core(infos):
    """NumPy's compiled core is there; None without NumPy."""
    places = [info["location"] for info in infos if info["name"] == "numpy" and info.get("installer") != "conda"]
    if not places:
        return None
    folders = [os.path.join(places[0], "numpy", leaf) for leaf in ("_core", "core")]
    return any(
        name.startswith("_multiarray_umath") and name.endswith((".so", ".pyd"))
        for folder in folders
        for name in wheel.listed(folder) or ()
    )
