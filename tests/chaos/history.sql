-- Every change of every piece of work and of every job, in the order in which the rows were changed, by the database's clock.
CREATE SCHEMA chaos;

CREATE TABLE chaos.history (
    n bigserial PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    kind text NOT NULL,
    id uuid NOT NULL,
    state text NOT NULL,
    attempts int,
    outages int,
    token uuid,
    reserved numeric,
    replies int
);

CREATE TABLE chaos.beats (
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    part text NOT NULL,
    node text NOT NULL
);

CREATE FUNCTION chaos.note_work() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO chaos.history (kind, id, state, attempts, outages, token)
    VALUES (TG_TABLE_NAME, NEW.id, NEW.state, NEW.attempts, NEW.outages, NEW.lease_token);
    RETURN NULL;
END $$;

CREATE FUNCTION chaos.note_window() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO chaos.history (kind, id, state, attempts, outages, token, reserved, replies)
    VALUES (TG_TABLE_NAME, NEW.id, NEW.state, NEW.attempts, NEW.outages, NEW.lease_token, NEW.reserved_usd,
            coalesce(jsonb_array_length(NEW.raw_reply -> 'replies'), 0));
    RETURN NULL;
END $$;

CREATE FUNCTION chaos.note_job() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO chaos.history (kind, id, state) VALUES (TG_TABLE_NAME, NEW.id, NEW.status);
    RETURN NULL;
END $$;

CREATE FUNCTION chaos.note_beat() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO chaos.beats (part, node) VALUES (NEW.part, NEW.node);
    RETURN NULL;
END $$;

CREATE TRIGGER chaos AFTER INSERT OR UPDATE ON plans FOR EACH ROW EXECUTE FUNCTION chaos.note_work();
CREATE TRIGGER chaos AFTER INSERT OR UPDATE ON segments FOR EACH ROW EXECUTE FUNCTION chaos.note_work();
CREATE TRIGGER chaos AFTER INSERT OR UPDATE ON windows FOR EACH ROW EXECUTE FUNCTION chaos.note_window();
CREATE TRIGGER chaos AFTER INSERT ON jobs FOR EACH ROW EXECUTE FUNCTION chaos.note_job();
CREATE TRIGGER chaos_status AFTER UPDATE OF status ON jobs FOR EACH ROW
    WHEN (OLD.status IS DISTINCT FROM NEW.status OR OLD.completed_at IS DISTINCT FROM NEW.completed_at) EXECUTE FUNCTION chaos.note_job();
CREATE TRIGGER chaos AFTER INSERT OR UPDATE ON heartbeats FOR EACH ROW EXECUTE FUNCTION chaos.note_beat();
