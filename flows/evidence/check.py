"""``sraap verify``: the check that every publication carries along, applied to a home.

In a home the whole chain must be there, and what ``published`` names is its head.
"""

from __future__ import annotations

from pathlib import Path

from flows.errors import UsageProblem
from flows.evidence.verify import Finding, Report, read_anchor, verify
from flows.home import Home


def verify_home(
    home_path: Path,
    publication: str | None = None,
    *,
    against: str | None = None,
    public_key: Path | None = None,
) -> Report:
    """Check a publication of a home and all before it; the published one if none is named.

    ``against``: an anchor kept elsewhere (ID:SHA256, or a file that holds it); ``public_key``: PEM file.
    Raises ``UsageProblem`` for a home without publications, an unknown publication, a bad anchor or key.
    """
    home = Home(home_path)
    name = _published(home) if publication in (None, "published") else publication
    anchor = _anchor(against)
    if name is None:
        raise UsageProblem(
            "nothing is published here",
            where=str(home_path),
            next_step="Make a publication with: sraap refresh",
        )
    folder = home.publications / name
    if "/" in name or name.startswith(".") or not folder.is_dir():
        if publication != name:
            gone = Finding("missing", name, "", "The link `published` names it, and it is not there.")
            return Report(name, findings=[gone])
        known = ", ".join(sorted(p.name for p in home.publications.glob("[!.]*"))[-5:]) or "none"
        raise UsageProblem(
            f"there is no publication {name!r}", where=str(home_path), next_step=f"The latest are: {known}"
        )
    try:
        return verify(folder, chain=True, against=anchor, public_key=public_key)
    except ValueError as error:
        raise _no_key(public_key) from error
    except OSError as error:
        if public_key is not None and error.filename == str(public_key):
            raise _no_key(public_key) from error
        raise


def _published(home: Home) -> str | None:
    """What the link ``published`` names, whether it stands or not."""
    try:
        return home.published.readlink().name
    except OSError:
        return None


def _anchor(text: str | None) -> tuple[str, str] | None:
    if text is None:
        return None
    try:
        return read_anchor(text)
    except (OSError, ValueError):
        raise UsageProblem(
            "the anchor is neither ID:SHA256 nor a file that holds it",
            where="--against",
            next_step="Give what this printed when it was kept: sraap verify --anchor",
        ) from None


def _no_key(path: Path | None) -> UsageProblem:
    return UsageProblem(
        "the public key can't be read, or is no Ed25519 key",
        where=str(path),
        next_step="Make it from the private key with: openssl pkey -in FILE -pubout",
    )
