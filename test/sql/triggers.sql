-- The trigger functions, also as triggers that they are not made for.
\set VERBOSITY default
CREATE SCHEMA g;
CREATE TABLE g.rows (id int PRIMARY KEY, v int);
CREATE VIEW g.view AS SELECT * FROM g.rows;

-- What becomes of a statement, and of the rows: the error, or what is left.
CREATE FUNCTION g.try(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  result text;
BEGIN
  BEGIN
    EXECUTE statement;
    SELECT coalesce(string_agg(format('%s=%s', r.id, r.v), ' ' ORDER BY r.id), 'empty') INTO result FROM g.rows r;
    RAISE EXCEPTION USING ERRCODE = 'P0001', MESSAGE = result;
  EXCEPTION WHEN OTHERS THEN
    RETURN CASE SQLSTATE WHEN 'P0001' THEN SQLERRM ELSE SQLSTATE END;
  END;
END
$$;
CREATE FUNCTION g.run(function text, timing text, level text, relation text) RETURNS TABLE (insert text, update text, delete text, truncate text)
LANGUAGE plpgsql AS $$
DECLARE
  event text;
  results text[];
BEGIN
  FOREACH event IN ARRAY '{INSERT,UPDATE,DELETE,TRUNCATE}'::text[] LOOP
    BEGIN
      EXECUTE format('CREATE TRIGGER x %s %s ON g.%s FOR EACH %s EXECUTE FUNCTION cache_ext.%s()', timing, event, relation, level, function);
      results := results || g.try(CASE event
        WHEN 'INSERT' THEN format('INSERT INTO g.%s VALUES (3, 30)', relation)
        WHEN 'UPDATE' THEN format('UPDATE g.%s SET v = v + 1', relation)
        WHEN 'DELETE' THEN format('DELETE FROM g.%s WHERE id = 1', relation)
        ELSE format('TRUNCATE g.%s', relation) END);
      EXECUTE format('DROP TRIGGER x ON g.%s', relation);
    EXCEPTION WHEN OTHERS THEN
      -- PostgreSQL has no such triggers.
      results := results || NULL::text;
    END;
  END LOOP;
  RETURN QUERY SELECT results[1], results[2], results[3], results[4];
END
$$;
INSERT INTO g.rows VALUES (1, 10), (2, 20);
\pset null '-'
SELECT f AS function, timing, level, relation, r.*
  FROM unnest('{source_row,source_statement,source_before_row}'::text[]) f, unnest('{BEFORE,AFTER,INSTEAD OF}'::text[]) timing,
       unnest('{ROW,STATEMENT}'::text[]) level, unnest('{rows,view}'::text[]) relation, g.run(f, timing, level, relation) r
 WHERE coalesce(r.insert, r.update, r.delete, r.truncate) IS NOT NULL AND (relation = 'view') = (timing = 'INSTEAD OF') ORDER BY f, timing, level, relation;

-- The errors say what to do.
CREATE TRIGGER x BEFORE INSERT ON g.rows FOR EACH ROW EXECUTE FUNCTION cache_ext.source_row();
INSERT INTO g.rows VALUES (4, 40);
DROP TRIGGER x ON g.rows;
CREATE TRIGGER x AFTER INSERT ON g.rows FOR EACH STATEMENT EXECUTE FUNCTION cache_ext.source_row();
INSERT INTO g.rows VALUES (4, 40);
DROP TRIGGER x ON g.rows;
CREATE TRIGGER x AFTER TRUNCATE ON g.rows FOR EACH STATEMENT EXECUTE FUNCTION cache_ext.source_statement();
TRUNCATE g.rows;
DROP TRIGGER x ON g.rows;
CREATE TRIGGER x INSTEAD OF DELETE ON g.view FOR EACH ROW EXECUTE FUNCTION cache_ext.source_before_row();
DELETE FROM g.view;
SELECT cache_ext.source_row();
SELECT cache_ext.source_statement();
SELECT cache_ext.source_before_row();
TABLE g.rows;

-- A constraint trigger is one after a row, at once or deferred.
CREATE CONSTRAINT TRIGGER c AFTER INSERT ON g.rows DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION cache_ext.source_row();
BEGIN;
INSERT INTO g.rows VALUES (5, 50);
COMMIT;
DELETE FROM g.rows WHERE id = 5;

SET client_min_messages = warning;
DROP SCHEMA g CASCADE;
