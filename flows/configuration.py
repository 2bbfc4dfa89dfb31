"""Every setting that the environment gives, in one list: its name, its meaning, what holds without it.

Modules read their own; this list is what ``docs/reference/configuration.md`` is made of, and a test sees
that no setting is read that does not stand here.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Setting:
    """A variable of the environment. ``secret``: may be given as a file, with ``_FILE`` at its name's end."""

    name: str
    meaning: str
    default: str
    may_be_file: bool = False


SETTINGS = (
    Setting("SRAAP_HOME", "Folder that holds everything the pipeline keeps; the same as --home.", "./data"),
    Setting(
        "SRAAP_TZ", "Time zone that says when a day begins; a name of the IANA database.", "Europe/Zurich"
    ),
    Setting("SRAAP_READ_SECONDS", "Seconds that reading one file may take; more for a large file.", "10"),
    Setting(
        "SRAAP_READ_MEGABYTES", "Megabytes that reading one file may take; more for a large file.", "512"
    ),
    Setting(
        "SRAAP_BUILD_MEGABYTES",
        "Megabytes that DuckDB may hold while it builds or publishes; more goes to the disk.",
        "512",
    ),
    Setting(
        "SRAAP_PEOPLE_KEY",
        "Key of the hashes that take the place of people's names, 16 characters or more.",
        "secrets/people.key in the home, made at first use",
    ),
    Setting(
        "SRAAP_RESTRICTED_DAYS",
        "Days for which files that may hold people's data are kept.",
        "90",
    ),
    Setting(
        "SRAAP_SOURCES", "File that configures the sources (docs/sources.md).", "sources.yml in the home"
    ),
    Setting(
        "SRAAP_READ_MEGABYTES",
        "Memory that reading one file may take; more for a large file.",
        "512",
    ),
    Setting("SRAAP_READ_SECONDS", "Seconds that reading one file may take; more for a large file.", "10"),
    Setting(
        "SRAAP_SIGNING_KEY_FILE",
        "PEM file of an Ed25519 key that signs each publication's manifest.",
        "manifests are not signed",
    ),
    Setting(
        "SRAAP_NOTIFY_URL",
        "Webhook that is told of a night that went wrong.",
        "nobody is told",
        may_be_file=True,
    ),
    Setting(
        "SRAAP_NOTIFY_MAIL_TO",
        "E-mail addresses that are told, separated by commas.",
        "nobody is told",
        may_be_file=True,
    ),
    Setting("SRAAP_NOTIFY_MAIL_FROM", "Sender of these e-mails.", "the first recipient", may_be_file=True),
    Setting(
        "SRAAP_NOTIFY_SMTP",
        "Mail server: smtp://host:25, smtps://user@host:465 or smtp+starttls://user@host:587.",
        "none; needed where SRAAP_NOTIFY_MAIL_TO is set",
        may_be_file=True,
    ),
    Setting(
        "SRAAP_NOTIFY_SMTP_PASSWORD", "Password of the user at the mail server.", "none", may_be_file=True
    ),
    Setting(
        "SRAAP_TARGET", "Where dbt builds: duckdb, spark or spark-thrift; the same as --target.", "duckdb"
    ),
    Setting(
        "SRAAP_SPARK_STORAGE",
        "Folder that this machine and Spark see under the same path, for input and tables of a build.",
        "build/spark/storage in the home",
    ),
    Setting(
        "SRAAP_SPARK_SCHEMA",
        "First part of the names of schemas on a cluster and of the storage's folder; one for each home.",
        "sraap",
    ),
    Setting("SRAAP_SPARK_MASTER", "Master of the session of --target spark.", "local[2]"),
    Setting("SRAAP_SPARK_MEMORY", "Memory of that session's driver.", "2g"),
    Setting("SRAAP_SPARK_PARTITIONS", "Partitions of a shuffle in that session; more for large data.", "1"),
    Setting("SRAAP_SPARK_HOST", "Host of the Thrift server of --target spark-thrift.", "localhost"),
    Setting("SRAAP_SPARK_PORT", "Its port.", "10000"),
    Setting("SRAAP_SPARK_USER", "User who logs in there.", "sraap"),
    Setting("SRAAP_SPARK_AUTH", "How: NONE, NOSASL, LDAP, CUSTOM or KERBEROS.", "NONE"),
    Setting("SRAAP_SPARK_PASSWORD", "Password, with LDAP and CUSTOM.", "none", may_be_file=True),
    Setting("SRAAP_SPARK_KERBEROS_SERVICE", "Name of the Kerberos service, with KERBEROS.", "none"),
    Setting("SRAAP_SPARK_SSL", "Whether the connection is encrypted: true or false.", "false"),
    Setting("SRAAP_SPARK_POLL", "Seconds between two questions whether a statement has ended.", "1"),
    Setting(
        "SRAAP_TASK_RUNNER",
        "Where the files of a night are read: threads, processes or dask (docs/operations.md).",
        "threads, where there are many",
    ),
    Setting("SRAAP_TASK_WORKERS", "How many files are read at once.", "one for each processor"),
    Setting("SRAAP_DASK_ADDRESS", "Scheduler of a Dask cluster.", "a cluster of this machine, for the night"),
    Setting("PREFECT_API_URL", "Prefect server that is told of runs.", "one for the length of each run"),
    Setting("PREFECT_HOME", "Folder of Prefect's database.", "prefect/ in the home"),
)
