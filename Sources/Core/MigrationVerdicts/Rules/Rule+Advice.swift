extension Rule {
    static let advice: [Rule: String] = [
        .addColumn:
            "Never `SELECT *` in the application, or recycle the stable version's connections after "
            + "the migration.",
        .addColumnNotNull:
            "Add the column with a DEFAULT, or nullable; make it NOT NULL in a later release, when "
            + "every version writes it.",
        .addCheck:
            "Let the release that writes values of the new kind go first; add the CHECK as NOT VALID "
            + "in a later one, then VALIDATE CONSTRAINT.",
        .addForeignKey:
            "Release code that keeps to it first; add the key as NOT VALID in a later release, then "
            + "VALIDATE CONSTRAINT.",
        .addUnique:
            "Release code that keeps to it first; in a later release CREATE UNIQUE INDEX "
            + "CONCURRENTLY, then ADD CONSTRAINT … USING INDEX.",
        .addExclusion:
            "Release code that keeps to it first; add the constraint in a later release.",
        .dropColumn:
            "Release code that no longer names it (nor uses SELECT *); drop the column in the release"
            + " after.",
        .dropTable:
            "Release code that no longer names it; drop the table in the release after, with a "
            + "backup.",
        .dropView:
            "Release code that no longer names it; drop the view in the release after.",
        .dropFunction:
            "Keep the old signature beside the new one; drop it in the release after.",
        .dropObject:
            "Release code that no longer uses it; drop it in the release after.",
        .dropIndex:
            "Drop a unique index only when no version's ON CONFLICT names its columns; DROP INDEX "
            + "CONCURRENTLY.",
        .dropConstraint:
            "Drop a key or a UNIQUE only when no version's ON CONFLICT relies on it.",
        .dropTrigger:
            "Drop it in the release after, when no version relies on what it did.",
        .dropDefault:
            "Release code that writes the column always; drop the default in the release after.",
        .setDefault:
            "Nothing, if rows of the stable version may get the new value too; else let the new "
            + "version write it itself.",
        .setNotNull:
            "Release code that never writes NULL first; SET NOT NULL in a later release (a DEFAULT "
            + "does not help: an explicit NULL is refused).",
        .dropNotNull:
            "Let the new version write NULL only when no version is live that cannot read it.",
        .changeType:
            "Widening is fine; recycle the stable version's connections afterwards. On a large table:"
            + " a new column, both written, then swap in a later release.",
        .narrowType:
            "A new column of the narrower type, written by both versions; drop the old one in a later"
            + " release.",
        .changeTypeMeaning:
            "A new column of the new type, written by both versions; drop the old one in a later "
            + "release.",
        .incompatibleType:
            "A new column of the new type, kept in step by a trigger or by the new version; drop the "
            + "old one in a later release.",
        .failingExpression:
            "An expression that cannot fail: no cast, no division, no function that raises an error.",
        .renameColumn:
            "A new column, both kept in step by a trigger; drop the old one in a later release.",
        .renameTable:
            "In the same transaction leave an updatable view under the old name: CREATE VIEW old AS "
            + "SELECT * FROM new.",
        .renameObject:
            "Make the new one beside the old one; drop the old one in a later release.",
        .renameConstraint:
            "Rename it only when no version names it in ON CONFLICT ON CONSTRAINT or looks for it in "
            + "an error.",
        .addEnumValue:
            "Let the new version write the value only when no version is live that cannot read it.",
        .renameEnumValue:
            "Add the new value, let both be read; leave the old one.",
        .setSchema:
            "Leave a view under the old name, or put both schemas on the search_path before.",
        .replaceView:
            "Only add columns, at the end; leave the rest for a later release.",
        .replaceFunction:
            "A new name or another signature beside the old one; drop the old one in a later release.",
        .trigger:
            "Release code that keeps to it first; make the trigger refuse in a later release.",
        .rewriteRule:
            "A trigger or a view instead of a rule.",
        .rowLevelSecurity:
            "Make the policies first and try them with the stable version's role; switch it on in a "
            + "later release.",
        .revoke:
            "Revoke in a later release, when no version needs it.",
        .changeOwner:
            "Grant what the stable version's role needs in the same transaction.",
        .changeSequence:
            "Leave what is handed out as it is; a new sequence for a new kind of number.",
        .changeDomain:
            "Release code that keeps to it first; ADD CONSTRAINT … NOT VALID in a later release, then"
            + " VALIDATE CONSTRAINT.",
        .changeRole:
            "Make a new role; change the old one when no version uses it.",
        .serverSetting:
            "Change settings apart from a release, where they can be watched and taken back.",
        .partition:
            "Move rows in a release of its own, where readers of both layouts have been tried.",
        .tableBehaviour:
            "Change what fires on the table in a release of its own.",
        .deleteRows:
            "Keep the rows until no version needs them: a backup, or a copy in another table.",
        .updateRows:
            "Write the new values to a new column, or keep the old ones: a rollback does not bring "
            + "them back.",
        .hiddenBody:
            "Write the statements out, so that they can be judged.",
        .callsFunction:
            "Read what the function does; then allow this rule with the reason.",
        .noRule:
            "Read what the statement does; then allow this rule with the reason.",
        .notParsed:
            "Mend the statement; if it is syntax of a newer PostgreSQL, read what it does and allow "
            + "this rule with the reason.",
        .indexNotConcurrent:
            "CREATE INDEX CONCURRENTLY, in a migration of its own.",
        .concurrentlyInTransaction:
            "Leave out BEGIN and COMMIT; one CONCURRENTLY a migration.",
        .constraintScan:
            "ADD CONSTRAINT … NOT VALID, and VALIDATE CONSTRAINT in another transaction.",
        .notNullScan:
            "ADD CONSTRAINT … CHECK (column IS NOT NULL) NOT VALID, VALIDATE CONSTRAINT in another "
            + "transaction, then SET NOT NULL, which looks at the constraint alone.",
        .uniqueBuildsIndex:
            "CREATE UNIQUE INDEX CONCURRENTLY, then ADD CONSTRAINT … USING INDEX.",
        .tableRewrite:
            "A new column or table, filled in batches; swap in a later release.",
        .volatileDefault:
            "Add the column without the default, SET DEFAULT, then fill old rows in batches.",
        .updateInOne:
            "Batches of some thousand rows by key, each in a transaction of its own.",
        .lockHeld:
            "A migration of its own for what takes long: locks are kept until the transaction ends.",
        .missingLockTimeout:
            "SET lock_timeout = '2s' before it, and try again when it fails: who waits for a lock "
            + "makes everybody else wait behind.",
        .explicitLock:
            "A shorter transaction, or no LOCK TABLE.",
        .refreshNotConcurrent:
            "REFRESH MATERIALIZED VIEW CONCURRENTLY, which needs a unique index.",
        .reindexNotConcurrent:
            "REINDEX … CONCURRENTLY.",
        .attachScan:
            "Before it, a validated CHECK on the partition that says what its bounds say.",
    ]
}
