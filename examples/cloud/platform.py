"""The platform: a cloud with its instances, their disks, and the bucket that they share."""

import atexit
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import django
from django.apps import apps

from cloud import aws, picture, process
from cloud.drawing import shorten
from cloud.requests import RequestLog, observed, recorded, unrecorded
from conf.storage import parse, storage_entry

#: Where an instance's disk holds uploads if its deployment names no directory.
MEDIA = "/app/media"


class InstanceGone(RuntimeError):
    """An instance is used that was lost, stopped or replaced. The message says which, and what to do."""


class Instance:
    """A copy of your application, with a disk that nobody shares and nothing outlives.

    :meth:`Cloud.start` makes it. Code in its ``with`` block runs "on" it: ``default_storage``, each field
        without a storage of its own and easy-thumbnails then use what the deployment's
        ``DEFAULT_STORAGE_DSN`` names, ``settings.MEDIA_ROOT`` is :attr:`media`, and ``os.environ`` holds the
        deployment's variables.
    """

    def __init__(self, name: str, release: int, environment: dict[str, str], disk: Path) -> None:
        #: Its name, such as ``web-1``.
        self.name = name
        #: The number of the deployment that it belongs to, from 1.
        self.release = release
        self._environment = environment
        self._disk = disk
        self._gone = ""
        self._blocks: list[ExitStack] = []
        storage = parse(environment["DEFAULT_STORAGE_DSN"])
        self._media = disk / (storage.path or MEDIA).lstrip("/")
        self._media.mkdir(parents=True)

    @property
    def running(self) -> bool:
        """Whether the instance can still be used."""
        return not self._gone

    @property
    def disk(self) -> Path:
        """The root of its disk, a temporary directory.

        :raises InstanceGone: if the instance no longer runs.
        """
        self._check()
        return self._disk

    @property
    def media(self) -> Path:
        """Its media directory: the one that a ``file://`` DSN names, else ``/app/media``, on its disk.

        :raises InstanceGone: if the instance no longer runs.
        """
        self._check()
        return self._media

    @property
    def files(self) -> tuple[str, ...]:
        """The files on its disk, sorted: relative to the media directory, or from the root if they lie
        elsewhere.

        :raises InstanceGone: if the instance no longer runs.
        """
        paths = [path for path in self.disk.rglob("*") if path.is_file()]
        return tuple(
            sorted(
                path.relative_to(self._media).as_posix()
                if path.is_relative_to(self._media)
                else f"/{path.relative_to(self._disk).as_posix()}"
                for path in paths
            )
        )

    def __enter__(self) -> "Instance":
        self._check()
        if not apps.ready:
            raise RuntimeError(
                f"Django is not set up yet, so that no code can run on {self.name}. Call cloud.setup() first."
            )
        entries = process.entries_for(self._environment["DEFAULT_STORAGE_DSN"], self._disk)
        with ExitStack() as block:
            block.enter_context(aws.environment(self._environment))
            block.enter_context(process.using(entries, self._media))
            self._blocks.append(block.pop_all())
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self._blocks.pop().close()
        if isinstance(error, OSError):
            self._name_as_seen(error)

    def _name_as_seen(self, error: OSError) -> None:
        """Let an error name a file as code on the instance knows it: from the root of the instance's disk."""
        for attribute in ("filename", "filename2"):
            path = getattr(error, attribute)
            if isinstance(path, str | Path) and Path(path).is_relative_to(self._disk):
                setattr(error, attribute, f"/{Path(path).relative_to(self._disk).as_posix()}")

    def __repr__(self) -> str:
        return picture.line(self._card())

    def _card(self) -> picture.Card:
        return picture.Card(self.name, self.release, self.files if self.running else None)

    def _check(self) -> None:
        if self._gone:
            raise InstanceGone(self._gone)

    def _check_idle(self) -> None:
        if self._blocks:
            raise RuntimeError(
                f"Code is running on {self.name}. Leave the block of its with statement first, then change "
                "the cloud."
            )

    def _end(self, how: str) -> None:
        """Take the instance away, its disk included.

        :param how: what :class:`InstanceGone` says from now on.
        """
        self._gone = how
        shutil.rmtree(self._disk, ignore_errors=True)


class Cloud:
    """A cloud platform in miniature: instances, one bucket for all of them, and a count of what they ask of
    it.

    moto plays Amazon S3, or the provider that ``dsn`` names, in this process; the bucket is created in it.
    While the cloud is open the environment holds no credentials but the bucket's, and a request that would
    leave this machine is refused. Outside of an instance Django uses the bucket.

    A server that you run on this machine takes moto's place if ``DEFAULT_STORAGE_DSN`` of the environment
    names one: its host is ``127.0.0.1``, ``localhost`` or ``::1``. What that variable says of any other
    storage is left alone. The bucket must be empty, for examples write and delete in it.

    There is one cloud at a time: a new one closes the one before, so that you can run a notebook's cell
    again.

    :param bucket: the name of the bucket; by default ``media``, or the one that ``DEFAULT_STORAGE_DSN``
        names on this machine.
    :param region: the region of the bucket; by default ``eu-central-1``, or what that DSN says.
    :param dsn: the storage DSN of the bucket, in place of ``bucket``, ``region`` and the environment's. If it
        names a server on this machine, that is used, and its bucket as it is.
    :param environment: environment variables of the first deployment; ``DEFAULT_STORAGE_DSN`` is the bucket's
        DSN if you give none.
    :raises conf.storage.StorageDSNError: if a DSN cannot be used.
    :raises ValueError: if ``dsn`` names a directory, or the environment's a bucket that isn't empty.
    """

    _open: ClassVar["Cloud | None"] = None
    # Buckets on this machine that were empty when this process first used them.
    _found_empty: ClassVar[set[tuple[Any, ...]]] = set()

    def __init__(self, bucket: str = "", region: str = "", *, dsn: str = "", **environment: str) -> None:
        # While a cloud is open, the variable is its own.
        self._given: str = Cloud._open._given if Cloud._open else os.environ.get("DEFAULT_STORAGE_DSN", "")
        server = "" if dsn else _on_this_machine(self._given, bucket, region)
        amazon = f"s3://testing:testing@{bucket or 'media'}.s3.{region or 'eu-central-1'}.amazonaws.com/"
        #: The storage DSN of the bucket.
        self.dsn = dsn or server or amazon
        self._storage = storage_entry(self.dsn)["OPTIONS"]
        if "bucket_name" not in self._storage:
            raise ValueError(
                "The dsn of a Cloud names a directory, but a cloud needs a bucket. For instances that keep "
                "files on their disks write Cloud(DEFAULT_STORAGE_DSN=…)."
            )
        self._environment = _checked({"DEFAULT_STORAGE_DSN": self.dsn} | environment)
        self._release = 1
        self._instances: dict[str, Instance] = {}
        self._served = ""
        process.remember_dsn()
        if Cloud._open:
            Cloud._open.close()
        with ExitStack() as stack:
            stack.enter_context(aws.environment({"DEFAULT_STORAGE_DSN": self.dsn}))
            stack.enter_context(aws.played(self._storage))
            stack.enter_context(observed())
            self._disks = Path(stack.enter_context(_directory()))
            #: A boto3 S3 client that reaches the bucket.
            self.client: Any = aws.client(self._storage)
            aws.create_bucket(self.client, self.bucket)
            if server:
                self._begin_empty()
            stack.callback(process.forget_storages)
            if apps.ready:
                stack.enter_context(process.using(process.entries_for(self.dsn)))
            self._stack = stack.pop_all()
        Cloud._open = self
        atexit.register(self.close)

    @property
    def bucket(self) -> str:
        """The name of the bucket, for :attr:`client`."""
        return str(self._storage["bucket_name"])

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of the objects in the bucket, sorted. Asking for them is not logged."""
        self._check()
        with unrecorded():
            return tuple(sorted(aws.keys(self.client, self.bucket)))

    @property
    def instances(self) -> tuple[Instance, ...]:
        """The instances that run, in the order of their names."""
        return tuple(self._instances[name] for name in self._names() if self._instances[name].running)

    def __getitem__(self, name: str) -> Instance:
        self._check()
        if name not in self._instances:
            known = ", ".join(self._names()) or "none yet: start one with cloud.start()"
            raise LookupError(f"There is no instance {name}. The cloud has {known}.")
        return self._instances[name]

    def setup(self) -> None:
        """Set Django up, with ``conf.settings`` unless ``DJANGO_SETTINGS_MODULE`` says otherwise.

        It is ``django.setup()``, after which code can run on an instance. A second call does nothing.
        """
        self._check()
        if not apps.ready:
            os.environ.setdefault("DJANGO_SETTINGS_MODULE", "conf.settings")
            django.setup()

    def start(self, name: str = "") -> Instance:
        """Start an instance of the current deployment, with an empty disk.

        :param name: its name: lower-case letters, digits and hyphens. By default ``web-`` and the first
            number that is free.
        :returns: the instance.
        :raises ValueError: if the name is not fit, or an instance of that name runs.
        """
        self._check()
        taken = {instance.name for instance in self.instances}
        name = name or next(
            free for number in range(1, len(taken) + 2) if (free := f"web-{number}") not in taken
        )
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
            raise ValueError(
                f"{name!r} is no name for an instance. Use lower-case letters, digits and single hyphens, "
                "as in web-1."
            )
        if name in taken:
            raise ValueError(f"{name} runs already. Take another name, or lose it first.")
        self._instances[name] = Instance(name, self._release, self._environment, self._disks / name)
        return self._instances[name]

    def scale(self, count: int) -> None:
        """Start or stop instances until so many run. Those with the highest numbers stop, with their disks.

        :param count: how many instances to run.
        :raises ValueError: if it is negative.
        """
        self._check()
        if count < 0:
            raise ValueError(f"A cloud cannot run {count} instances. Give a number from 0 upwards.")
        surplus = self.instances[count:]
        for instance in surplus:
            instance._check_idle()
        for instance in surplus:
            instance._end(f"{instance.name} was stopped when the cloud was scaled to {count}.")
            del self._instances[instance.name]
        while len(self.instances) < count:
            self.start()

    def lose(self, name: str) -> None:
        """Lose an instance without warning, as happens when its machine fails. Its disk is lost with it.

        :param name: the name of an instance that runs.
        :raises LookupError: if there is no such instance.
        :raises InstanceGone: if it was lost before.
        """
        instance = self[name]
        instance._check()
        instance._check_idle()
        instance._end(
            f'{name} was lost, and its disk with it. Start another with cloud.start("{name}"): its disk '
            "is empty."
        )

    def redeploy(self, **environment: str) -> None:
        """Deploy: replace each instance that runs by one of the next release, which starts with an empty
        disk.

        :param environment: environment variables to change, as on a platform's page of settings. Others stay.
        :raises conf.storage.StorageDSNError: if ``DEFAULT_STORAGE_DSN`` cannot be used; nothing is replaced
            then.
        """
        self._check()
        running = self.instances
        for instance in running:
            instance._check_idle()
        self._environment = _checked(self._environment | environment)
        self._release += 1
        self._instances.clear()
        for old in running:
            old._end(
                f"This {old.name} belongs to release {old.release}, which release {self._release} replaced, "
                f'and its disk is gone. Ask for cloud["{old.name}"] again.'
            )
            self.start(old.name)

    def balance(self) -> Instance:
        """Choose the instance for the next request of a user, each in turn, as a load balancer does.

        :returns: the instance that runs and whose name follows the last one's.
        :raises InstanceGone: if no instance runs.
        """
        self._check()
        running = self.instances
        if not running:
            raise InstanceGone("No instance runs that could answer. Start one with cloud.start().")
        later = [instance for instance in running if _order(instance.name) > _order(self._served)]
        chosen = (later or running)[0]
        self._served = chosen.name
        return chosen

    def requests(self) -> AbstractContextManager[RequestLog]:
        """Log the S3 requests of a ``with`` block, whoever sends them: boto3, django-storages or you.

        ``as`` gives the :class:`RequestLog`. Blocks may be nested: each log holds all that happened within
        its block. It can be read after it too.
        """
        self._check()
        return recorded()

    def close(self) -> None:
        """Remove all disks, end moto's part and put environment and Django back. A second call does nothing.

        :raises RuntimeError: if code is running on an instance.
        """
        if Cloud._open is not self:
            return
        for instance in self.instances:
            instance._check_idle()
        process.remember_dsn()
        for instance in self.instances:
            instance._end(f"The cloud of {instance.name} was closed, and its disk with it.")
        Cloud._open = None
        atexit.unregister(self.close)
        self._stack.close()

    def __enter__(self) -> "Cloud":
        self._check()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return picture.words(self._scene()) if Cloud._open is self else "A closed cloud"

    def _repr_svg_(self) -> str | None:
        """Return a picture of the instances, their disks and the bucket, for a notebook."""
        return picture.svg(self._scene()) if Cloud._open is self else None

    def _scene(self) -> picture.Scene:
        deployed = storage_entry(self._environment["DEFAULT_STORAGE_DSN"])["OPTIONS"]
        if "bucket_name" not in deployed:
            target = "each instance's own disk"
        elif self._place(deployed) == self._place(self._storage):
            target = ""
        else:
            target = f"the other bucket {shorten(deployed['bucket_name'], 20)}"
        cards = tuple(self._instances[name]._card() for name in self._names())
        return picture.Scene(cards, self.bucket, self.keys, target)

    def _begin_empty(self) -> None:
        """Make sure that the bucket is empty: what an earlier cloud of this process left there is removed.

        :raises ValueError: if somebody else's objects are in it.
        """
        place = self._place(self._storage)
        keys = aws.keys(self.client, self.bucket)
        if keys and place not in Cloud._found_empty:
            raise ValueError(
                f"The bucket {self.bucket}, which DEFAULT_STORAGE_DSN names, is not empty, and examples "
                "write and delete in their bucket. Name an empty one, or take the variable out of the "
                "environment: moto then plays Amazon S3."
            )
        for key in keys:
            self.client.delete_object(Bucket=self.bucket, Key=key)
        Cloud._found_empty.add(place)

    @staticmethod
    def _place(options: dict[str, Any]) -> tuple[Any, ...]:
        return options["bucket_name"], options.get("endpoint_url")

    def _names(self) -> list[str]:
        return sorted(self._instances, key=_order)

    def _check(self) -> None:
        if Cloud._open is not self:
            raise RuntimeError(
                "This cloud was closed; a new one closes the one before. Use the new one, or make one with "
                "Cloud()."
            )


def _order(name: str) -> list[tuple[int, str]]:
    """Sort web-10 after web-9."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def _on_this_machine(dsn: str, bucket: str, region: str) -> str:
    """Return the DSN of a bucket on the server that a DSN names, if it is a server on this machine.

    :param dsn: any storage DSN, or nothing.
    :param bucket: another bucket on that server; empty for the one of the DSN.
    :param region: another region; empty for the one of the DSN.
    :returns: the DSN; empty if there is no such server.
    :raises conf.storage.StorageDSNError: if a DSN cannot be used.
    """
    storage = parse(dsn) if dsn else None
    if storage is None or not aws.is_loopback(storage.endpoint_url):
        return ""
    return replace(storage, bucket=bucket or storage.bucket, region=region or storage.region).build()


def _checked(environment: dict[str, str]) -> dict[str, str]:
    parse(environment["DEFAULT_STORAGE_DSN"])
    return environment


@contextmanager
def _directory() -> Iterator[str]:
    # Not TemporaryDirectory, which warns when the kernel of a notebook ends before the cloud is closed.
    path = os.path.realpath(tempfile.mkdtemp(prefix="cloud-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
