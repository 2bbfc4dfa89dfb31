-- When each discovery of a previously unknown stockpile falls due: on the later of its report and the earlier of
-- its destruction and six months after its discovery (semantics.md, stockpile_discoverers).

with

discoveries as (
    select
        *,
        {{ add_months('discovered_on', 6) }} as limit_on
    from {{ ref('stg_stockpile_discoveries') }}
)

select
    discovery_id,
    iso3,
    discovered_on,
    reported_on,
    destroyed_on,
    limit_on,
    greatest(reported_on, least(coalesce(destroyed_on, limit_on), limit_on)) as due_on,
    coalesce(destroyed_on <= limit_on, false) as is_destroyed_in_time
from discoveries
