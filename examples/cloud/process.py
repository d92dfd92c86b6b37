"""What a process on an instance sees of Django: the storages of its deployment, and a disk of its own.

On a platform each instance is a process that reads ``conf.settings`` with the environment of its deployment.
Here all of them are one process, which read its settings long ago, so that the storages are exchanged
instead.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.storage import FileSystemStorage, Storage, default_storage, storages
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from conf.storage import storage_entry

Entries = dict[str, dict[str, Any]]

# The project's own STORAGES of each switch that is in force, the outermost first.
_replaced: list[Entries] = []

# The DSN with which the project read its settings, once it is known.
_loaded: list[str] = []

# The storages that were made from each STORAGES. Instances that share a bucket share the connection to
# it too: making one takes longer than most of what the examples do with it.
_opened: list[tuple[Entries, dict[str, Storage]]] = []


def remember_dsn() -> None:
    """Note the DSN with which Django's settings were read, while the environment still tells."""
    if not _loaded and settings.configured:
        from conf.settings import media_dsn

        _loaded.append(media_dsn())


def entries_for(dsn: str, disk: Path | None = None) -> Entries:
    """Work out the ``STORAGES`` with which the project would start on a deployment.

    The entries that ``conf.settings`` made from the DSN are made from the deployment's. Others are the
    project's own and stay, such as one that a notebook wrote by hand.

    :param dsn: the deployment's ``DEFAULT_STORAGE_DSN``.
    :param disk: the root of the instance's disk, below which local directories are then found.
    :returns: the entries by alias.
    """
    remember_dsn()
    entries: Entries = {}
    for alias, entry in (_replaced[0] if _replaced else settings.STORAGES).items():
        for overwrite in (None, True):
            if entry == storage_entry(_loaded[0], overwrite=overwrite):
                entry = storage_entry(dsn, overwrite=overwrite)
                break
        entries[alias] = _on_disk(entry, disk) if disk else entry
    return entries


def _on_disk(entry: dict[str, Any], disk: Path) -> dict[str, Any]:
    """Move an entry's local directory below the root of an instance's disk."""
    options = entry.get("OPTIONS", {})
    # To django-storages, "location" is a key prefix.
    if "location" not in options or not issubclass(import_string(entry["BACKEND"]), FileSystemStorage):
        return entry
    location = disk / os.path.normpath(Path("/app", options["location"])).lstrip(os.sep)
    return {**entry, "OPTIONS": {**options, "location": str(location)}}


@contextmanager
def using(entries: Entries, media_root: Path | None = None) -> Iterator[None]:
    """Let Django use other storages in a block.

    Fields that name no storage follow, because they hold ``default_storage``; so does easy-thumbnails. A
    storage object that a field made when its class was read, through a callable, stays what it is.

    :param entries: what ``STORAGES`` says in the block.
    :param media_root: the ``MEDIA_ROOT`` in the block, if it is another.
    """
    handler, lazy = vars(storages), vars(default_storage)
    before_handler, before_lazy = handler.copy(), lazy["_wrapped"]
    changes: dict[str, Any] = {"STORAGES": entries}
    if media_root is not None:
        changes["MEDIA_ROOT"] = str(media_root)
    before = {name: getattr(settings, name) for name in changes}
    _replaced.append(before["STORAGES"])
    thumbnails = sys.modules.get("easy_thumbnails.storage")
    thumbnail_storage = getattr(thumbnails, "thumbnail_default_storage", None)
    try:
        _change(changes)
        # Not through the signal for STORAGES: on Django 4.2 that way loses the OPTIONS.
        handler.update(_backends=entries, backends=entries, _storages=_storages_of(entries))
        lazy["_wrapped"] = storages["default"]
        _renew_thumbnail_storage()
        yield
    finally:
        _replaced.pop()
        _change(before)
        handler.clear()
        handler.update(before_handler)
        lazy["_wrapped"] = before_lazy
        if thumbnails:
            thumbnails.thumbnail_default_storage = thumbnail_storage  # type: ignore[attr-defined]
        else:
            _renew_thumbnail_storage()


def _storages_of(entries: Entries) -> dict[str, Storage]:
    """Return the storages that were made from these entries before, which Django adds to as it makes more."""
    for known, made in _opened:
        if known == entries:
            return made
    _opened.append((entries, {}))
    return _opened[-1][1]


def forget_storages() -> None:
    """Let go of all storages that were made for deployments."""
    _opened.clear()


def _change(values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        setattr(settings, name, value)
    if "MEDIA_ROOT" in values:
        # A FileSystemStorage without a location remembers the MEDIA_ROOT that it saw first, until it hears
        # this.
        setting_changed.send(
            sender=type(settings), setting="MEDIA_ROOT", value=values["MEDIA_ROOT"], enter=True
        )


def _renew_thumbnail_storage() -> None:
    """Look easy-thumbnails' storage up again, which it does by itself only once, when it is imported."""
    if module := sys.modules.get("easy_thumbnails.storage"):
        module.thumbnail_default_storage = module.get_storage()  # type: ignore[attr-defined]
