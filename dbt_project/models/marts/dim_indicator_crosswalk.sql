-- Which indicators of two versions of the plan ask the same, as the loaded versions say.

select
    cast(plan_version as {{ dbt.type_string() }}) as plan_version,
    cast(indicator_id as {{ dbt.type_string() }}) as indicator_id,
    cast(other_plan_version as {{ dbt.type_string() }}) as other_plan_version,
    cast(other_indicator_id as {{ dbt.type_string() }}) as other_indicator_id,
    cast(note as {{ dbt.type_string() }}) as note
from {{ source('control', 'plan_crosswalk') }}
