-- The meetings known on the as-of date.

select
    cast(meeting_id as {{ dbt.type_string() }}) as meeting_id,
    cast(title as {{ dbt.type_string() }}) as title,
    cast(kind as {{ dbt.type_string() }}) as kind,
    cast(starts_on as date) as starts_on,
    cast(ends_on as date) as ends_on,
    cast(source_ref as {{ dbt.type_string() }}) as source_ref
from {{ ref('stg_meetings') }}
