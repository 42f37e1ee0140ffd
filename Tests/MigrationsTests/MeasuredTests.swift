import MigrationVerdicts
import Migrations
import Testing

/// Each was run on PostgreSQL 15 with the vectors' schema, and the old version's statements before and after.
@Suite struct MeasuredTests {
    /// Migrations after which a statement of the old version failed.
    static let breaking = [
        "ALTER TABLE users DROP COLUMN created_at",
        "ALTER TABLE users ADD COLUMN x int, DROP COLUMN age",
        "ALTER TABLE public.users DROP COLUMN age",
        "SET search_path = public; ALTER TABLE users DROP COLUMN age",
        "CREATE TABLE IF NOT EXISTS users (id int); ALTER TABLE users DROP COLUMN age",
        "CREATE SCHEMA o; SET search_path = o; CREATE TABLE users (id int, age int); "
            + "SET search_path = public; ALTER TABLE users DROP COLUMN age",
        "DROP TABLE old_audit; CREATE TABLE old_audit (id bigserial PRIMARY KEY)",
        "DO $$ BEGIN ALTER TABLE users DROP COLUMN age; END $$",
        "DO $$ BEGIN EXECUTE 'ALTER TABLE users DROP COLUMN age'; END $$",
        "ALTER TABLE users RENAME COLUMN name TO n; ALTER TABLE users "
            + "ADD COLUMN name varchar(80) GENERATED ALWAYS AS (n) STORED",
        "ALTER TABLE orders RENAME TO purchases; CREATE VIEW orders AS SELECT DISTINCT * FROM purchases",
        "ALTER TABLE orders RENAME TO purchases; CREATE VIEW orders AS SELECT id, total FROM purchases",
        "CREATE TABLE n (id bigint); ALTER TABLE orders RENAME TO o; ALTER TABLE n RENAME TO orders",
        "ALTER TYPE order_state RENAME VALUE 'paid' TO 'settled'",
        "ALTER TABLE users ALTER COLUMN status DROP DEFAULT",
        "ALTER TABLE users ALTER COLUMN status SET DEFAULT NULL",
        "ALTER TABLE orders ALTER COLUMN qty SET DEFAULT 0",
        "ALTER TABLE users ADD COLUMN p text NOT NULL DEFAULT 'x'; ALTER TABLE users ALTER COLUMN p DROP DEFAULT",
        "TRUNCATE old_audit; ALTER TABLE old_audit ADD COLUMN q int NOT NULL",
        "TRUNCATE old_audit; ALTER TABLE old_audit ADD COLUMN q int CHECK (q IS NOT NULL)",
        "TRUNCATE old_audit; ALTER TABLE old_audit ADD COLUMN q int CHECK (coalesce(q, 0) > 5)",
        "TRUNCATE old_audit; ALTER TABLE old_audit ADD COLUMN q int; "
            + "ALTER TABLE old_audit ALTER COLUMN q SET NOT NULL",
        "TRUNCATE old_audit; CREATE DOMAIN nn AS int NOT NULL; ALTER TABLE old_audit ADD COLUMN q nn",
        "ALTER TABLE old_audit ADD COLUMN lv int DEFAULT 1 UNIQUE",
        "UPDATE users SET age = 0 WHERE age IS NULL; ALTER TABLE users ALTER COLUMN age SET NOT NULL",
        "ALTER TABLE orders ADD CONSTRAINT c CHECK (total < 1000000) NOT VALID",
        "ALTER TABLE orders ADD CONSTRAINT u UNIQUE (sku)",
        "CREATE UNIQUE INDEX i ON orders (sku) WHERE sku = 'SKU-dup'",
        "DROP INDEX users_email_key",
        "ALTER TABLE settings DROP CONSTRAINT settings_pkey",
        "ALTER TABLE users ALTER COLUMN age TYPE text",
        "DROP SEQUENCE orders_id_seq CASCADE",
        "ALTER SCHEMA public RENAME TO app",
        "ALTER FUNCTION order_total(bigint) RENAME TO ot",
        "CREATE FUNCTION order_total(uid int) RETURNS numeric LANGUAGE sql AS 'SELECT 1/0::numeric'",
        "CREATE FUNCTION order_total(uid bigint, c text DEFAULT 'EUR') RETURNS numeric LANGUAGE sql AS 'SELECT 0.0'",
    ]

    /// Bodies of a trigger before each row of `users` after which a statement of the old version failed.
    static let breakingTriggers = [
        "BEGIN NEW.email := NULL; RETURN NEW; END",
        "BEGIN NEW.email := NEW.name; RETURN NEW; END",
        "BEGIN NEW.age := NEW.name; RETURN NEW; END",
        "BEGIN NEW.age := NEW.name::int; RETURN NEW; END",
        "BEGIN NEW.created_at := 5; RETURN NEW; END",
        "BEGIN NEW.nosuch := NEW.name; RETURN NEW; END",
        "BEGIN NEW.name := 'x'; END",
        "DECLARE x int := 1/0; BEGIN RETURN NEW; END",
        "BEGIN IF NEW.name IS NULL THEN RAISE EXCEPTION 'no'; END IF; RETURN NEW; END",
    ]

    /// Migrations after which it went on, open sessions with a prepared `SELECT *` aside.
    static let harmless = [
        "ALTER TABLE users ADD COLUMN t timestamptz DEFAULT now()",
        "ALTER TABLE orders ADD COLUMN gross numeric GENERATED ALWAYS AS (total * 1.19) STORED",
        "ALTER TABLE users ADD COLUMN tmp int; ALTER TABLE users DROP COLUMN tmp",
        "ALTER TABLE orders ALTER COLUMN note TYPE varchar(300)",
        "ALTER TABLE orders ALTER COLUMN total TYPE numeric(12,2)",
        "ALTER TABLE users ALTER COLUMN prefs TYPE jsonb",
        "ALTER TABLE users ALTER COLUMN email DROP NOT NULL",
        "ALTER TABLE users ALTER COLUMN status SET DEFAULT 'x'",
        "CREATE INDEX CONCURRENTLY i ON orders (state)",
        "DROP INDEX orders_user_idx",
        "DROP TABLE IF EXISTS nothing_here",
        "CREATE OR REPLACE VIEW active_users AS SELECT id, email, name, age FROM users WHERE status = 'active'",
        "ALTER TABLE settings RENAME TO conf; CREATE VIEW settings AS SELECT * FROM conf",
        "UPDATE users SET status = 'active' WHERE status IS NULL",
        "CREATE TABLE addr (id bigint PRIMARY KEY, user_id bigint REFERENCES users (id))",
        "ALTER TABLE users ADD COLUMN first_name text; CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS "
            + "$$ BEGIN NEW.first_name := split_part(NEW.name, ' ', 1); RETURN NEW; END $$; "
            + "CREATE TRIGGER t BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION t()",
    ]

    @Test(arguments: breaking)
    func `what breaks the stable version is not called compatible`(_ sql: String) throws {
        #expect(try Sentence(sql).compatibility > .prepared)
        #expect(try Sentence.known(sql).compatibility > .prepared)
    }

    @Test(arguments: breakingTriggers)
    func `a trigger that fails for the stable version's rows is not called compatible`(_ body: String) throws
    {
        let sql =
            "CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS $$ \(body) $$; "
            + "CREATE TRIGGER t BEFORE INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION t()"
        #expect(try Sentence(sql).compatibility > .prepared)
        #expect(try Sentence.known(sql).compatibility > .prepared)
    }

    @Test(arguments: harmless)
    func `what the stable version does not notice is not held against it`(_ sql: String) throws {
        #expect(try Sentence.known(sql).compatibility <= .prepared)
    }
}
