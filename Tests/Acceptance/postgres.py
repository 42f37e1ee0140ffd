"""A real PostgreSQL for the checks that need one."""
import glob, urllib.parse
from lab import *

PASSWORD = "s3cr/t p4ss"


class Postgres:
    """A server of its own on a socket in a folder of its own. It trusts everybody but `app`, who needs a password."""

    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="bgdeploy-pg-"))
        self.tools = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda p: int(p.split("/")[4]))[-1]
        self.drop = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
        if self.drop:
            shutil.chown(self.dir, "postgres")
        subprocess.run(self.drop + [f"{self.tools}/initdb", "-D", f"{self.dir}/data", "-U", "postgres", "-A", "trust", "-E", "UTF8",
                                    "--no-sync", "--locale=C"], check=True, stdout=subprocess.DEVNULL, cwd="/")
        (self.dir / "data/pg_hba.conf").write_text("local all app scram-sha-256\nlocal all all trust\n")
        self.start()

    def start(self):
        settings = ["fsync=off", "listen_addresses=", f"unix_socket_directories={self.dir}", "max_connections=60", "log_min_messages=panic"]
        self.process = subprocess.Popen(self.drop + [f"{self.tools}/postgres", "-D", f"{self.dir}/data"] + [x for s in settings for x in ("-c", s)],
                                        cwd="/", stderr=subprocess.DEVNULL)
        ready = lambda: subprocess.run([f"{self.tools}/pg_isready", "-q", "-h", str(self.dir), "-U", "postgres"]).returncode == 0
        assert eventually(ready, 60), "PostgreSQL does not start"

    def stop(self):
        """Fast: connections are cut, what is committed is kept."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)

    def restart(self, away=0.5):
        self.stop()
        time.sleep(away)
        self.start()

    def url(self, database="postgres", user="postgres"):
        return f"postgresql://{user}@/{database}?host={self.dir}"

    def sql(self, text, database="postgres"):
        r = subprocess.run([f"{self.tools}/psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-h", str(self.dir), "-U", "postgres", "-d", database, "-c", text],
                           capture_output=True, text=True)
        assert r.returncode == 0, r.stderr
        return r.stdout.strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(20)
        shutil.rmtree(self.dir, ignore_errors=True)


class ShopServer(Postgres):
    """A PostgreSQL with a database of orders, which belongs to `app`."""

    def __init__(self):
        super().__init__()
        self.sql(f"create role app login superuser password '{PASSWORD}'")
        self.sql("create database shop owner app")
        self.sql("create table orders (id serial primary key, note text, total int not null default 0); alter table orders owner to app;"
                 " insert into orders (note, total) select 'order ' || n, n from generate_series(1, 2000) n", "shop")

    def url(self, database="shop"):
        return super().url(database, f"app:{urllib.parse.quote(PASSWORD, safe='')}")

    def columns(self):
        return set(self.sql("select column_name from information_schema.columns where table_name = 'orders'", "shop").split())
