-- A turn decides by what it has read and takes its locks only to write: what holds that nothing it read has changed.

create function memreg.must(holds boolean, what text)
returns void language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    if holds is not true then
        raise exception 'memreg: % has changed since it was read', what using errcode = 'serialization_failure';
    end if;
end
$$;

comment on function memreg.must is 'lets a transaction begin again that was decided by what is so no longer';

grant execute on function memreg.must to memreg_app, memreg_operator;
