-- Format 3 to 4. Never changed once it was released.

CREATE TABLE backfill_totals (
    job_id              TEXT PRIMARY KEY REFERENCES backfill_jobs (job_id) ON DELETE CASCADE,
    slices              INTEGER NOT NULL DEFAULT 0,
    completed           INTEGER NOT NULL DEFAULT 0,
    failed              INTEGER NOT NULL DEFAULT 0,
    records_fetched     INTEGER NOT NULL DEFAULT 0,
    records_inserted    INTEGER NOT NULL DEFAULT 0,
    records_duplicate   INTEGER NOT NULL DEFAULT 0,
    records_restated    INTEGER NOT NULL DEFAULT 0,
    records_conflicting INTEGER NOT NULL DEFAULT 0,
    records_rejected    INTEGER NOT NULL DEFAULT 0,
    records_removed     INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
INSERT INTO backfill_totals
SELECT job_id, count(*), sum(status = 'completed'), sum(status = 'failed'), sum(records_fetched), sum(records_inserted),
    sum(records_duplicate), sum(records_restated), sum(records_conflicting), sum(records_rejected), sum(records_removed)
FROM backfill_progress GROUP BY job_id;

CREATE TRIGGER added_to_totals AFTER INSERT ON backfill_progress BEGIN
    INSERT OR IGNORE INTO backfill_totals (job_id) VALUES (new.job_id);
    UPDATE backfill_totals SET slices = slices + 1,
        completed = completed + (new.status = 'completed'),
        failed = failed + (new.status = 'failed'),
        records_fetched = records_fetched + new.records_fetched,
        records_inserted = records_inserted + new.records_inserted,
        records_duplicate = records_duplicate + new.records_duplicate,
        records_restated = records_restated + new.records_restated,
        records_conflicting = records_conflicting + new.records_conflicting,
        records_rejected = records_rejected + new.records_rejected,
        records_removed = records_removed + new.records_removed
    WHERE job_id = new.job_id;
END;
CREATE TRIGGER changed_in_totals AFTER UPDATE OF status, records_fetched, records_inserted, records_duplicate, records_restated,
    records_conflicting, records_rejected, records_removed ON backfill_progress BEGIN
    UPDATE backfill_totals SET
        completed = completed + (new.status = 'completed') - (old.status = 'completed'),
        failed = failed + (new.status = 'failed') - (old.status = 'failed'),
        records_fetched = records_fetched + new.records_fetched - old.records_fetched,
        records_inserted = records_inserted + new.records_inserted - old.records_inserted,
        records_duplicate = records_duplicate + new.records_duplicate - old.records_duplicate,
        records_restated = records_restated + new.records_restated - old.records_restated,
        records_conflicting = records_conflicting + new.records_conflicting - old.records_conflicting,
        records_rejected = records_rejected + new.records_rejected - old.records_rejected,
        records_removed = records_removed + new.records_removed - old.records_removed
    WHERE job_id = new.job_id;
END;
CREATE TRIGGER removed_from_totals AFTER DELETE ON backfill_progress BEGIN
    UPDATE backfill_totals SET slices = slices - 1,
        completed = completed - (old.status = 'completed'),
        failed = failed - (old.status = 'failed'),
        records_fetched = records_fetched - old.records_fetched,
        records_inserted = records_inserted - old.records_inserted,
        records_duplicate = records_duplicate - old.records_duplicate,
        records_restated = records_restated - old.records_restated,
        records_conflicting = records_conflicting - old.records_conflicting,
        records_rejected = records_rejected - old.records_rejected,
        records_removed = records_removed - old.records_removed
    WHERE job_id = old.job_id;
END;
