-- The actions of the plan, with their wording.

select
    cast(plan_version as {{ dbt.type_string() }}) as plan_version,
    cast(action as int) as action,
    cast(section as {{ dbt.type_string() }}) as section,
    cast(section_title as {{ dbt.type_string() }}) as section_title,
    cast(wording as {{ dbt.type_string() }}) as wording
from {{ ref('stg_plan_actions') }}
