-- What a superuser who knows memreg makes digests and seals anew with, and writes forged entries.

create function pg_temp.redo(of_tenant text, of_entry uuid) returns void language sql as $$
    update memreg.audit_values set digest = memreg.audit_values_digest(
        salt, audit_id, proposal, evidence, before, after, reasons, details
    ) where tenant = of_tenant and audit_id = of_entry;
    update memreg.audit_log set values_digest = (
        select digest from memreg.audit_values where tenant = of_tenant and audit_id = of_entry
    ) where tenant = of_tenant and id = of_entry;
    update memreg.audit_log as entry set digest = memreg.audit_digest(entry)
    where tenant = of_tenant and id = of_entry;
$$;
create function pg_temp.reseal(of_tenant text, first bigint, last bigint) returns void language plpgsql as $$
declare
    link memreg.audit_seals;
    before bytea;
begin
    for link in select * from memreg.audit_seals where tenant = of_tenant and seal between first and last order by seal
    loop
        select hash into before from memreg.audit_seals where tenant = of_tenant and seal = link.seal - 1;
        link.previous := coalesce(before, memreg.first_link(of_tenant));
        select sha256(string_agg(uuid_send(entry.id) || entry.digest, ''::bytea order by tied.place))
        into link.content
        from unnest(link.entries) with ordinality as tied (id, place)
        join memreg.audit_log as entry on entry.tenant = of_tenant and entry.id = tied.id;
        link.hash := memreg.seal_hash(link);
        update memreg.audit_seals set previous = link.previous, content = link.content, hash = link.hash
        where tenant = of_tenant and seal = link.seal;
    end loop;
end
$$;
create function pg_temp.forge(of_tenant text, like_entry uuid, forged uuid, at timestamptz)
returns void language sql as $$
    insert into memreg.audit_values
    select (jsonb_populate_record(said, jsonb_build_object('audit_id', forged))).*
    from memreg.audit_values as said where tenant = of_tenant and audit_id = like_entry;
    insert into memreg.audit_log
    select (jsonb_populate_record(entry, jsonb_build_object('id', forged, 'created_at', at, 'written_at', at))).*
    from memreg.audit_log as entry where tenant = of_tenant and id = like_entry;
    select pg_temp.redo(of_tenant, forged);
$$;
