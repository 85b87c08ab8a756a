-- note_trouble --
-- What keeps a backfill from going on, or (null) nothing any more; only while somebody is to work on it.
update memreg.backfills
set error = %(error)s
where id = %(id)s and status in ('running', 'cancelling')
