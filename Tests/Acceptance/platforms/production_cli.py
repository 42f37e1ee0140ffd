"""A stand-in for CardMint's own tool: health, stats, test-card; on the real database at $DATABASE_URL (or the secret of that name)."""
import json, os, sys, time
import psycopg2

url = os.environ.get("BGDEPLOY_SECRET_DATABASE_URL") or os.environ["DATABASE_URL"]
try:
    with psycopg2.connect(url, connect_timeout=3) as connection, connection.cursor() as cursor:
        times = []
        for _ in range(20):
            began = time.monotonic()
            cursor.execute("select 1")
            times.append((time.monotonic() - began) * 1000)
        if sys.argv[1] == "test-card":
            cursor.execute("insert into cards (name) values ('test') returning id")
            card = cursor.fetchone()[0]
            cursor.execute("select name, rarity from cards where id = %s", (card,))
            assert cursor.fetchone()[0] == "test"
            cursor.execute("delete from cards where id = %s", (card,))
            print(f"test card {card}: made, read and removed")
        else:
            cursor.execute("select pg_is_in_recovery(), (select count(*) from pg_stat_activity), pg_database_size(current_database())")
            recovering, connections, size = cursor.fetchone()
            print(json.dumps({"status": "healthy" if not recovering else "read-only", "latency_p95_ms": round(sorted(times)[-2], 2),
                              "connections": connections, "size_bytes": size}))
            sys.exit(1 if recovering else 0)
except psycopg2.Error as error:
    print(json.dumps({"status": "unhealthy", "error": str(error).strip()}))
    sys.exit(1)
