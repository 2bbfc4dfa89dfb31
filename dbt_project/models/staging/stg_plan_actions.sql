select plan_version, action, section, section_title, wording
from {{ ref('plan_actions') }}
union all
select plan_version, action, section, section_title, wording
from {{ source('control', 'plan_actions') }}
