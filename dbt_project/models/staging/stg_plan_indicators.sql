select plan_version, indicator_id, action, section, unit, population, rule, source, request_part, wording
from {{ ref('plan_indicators') }}
union all
select plan_version, indicator_id, action, section, unit, population, rule, source, request_part, wording
from {{ source('control', 'plan_indicators') }}
