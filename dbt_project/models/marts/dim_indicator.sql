-- The indicators of the plan, with their wording and how they are computed, in words.

with

indicators as (
    select * from {{ ref('stg_plan_indicators') }}
),

populations as (
    select * from {{ ref('populations') }}
),

rules as (
    select * from {{ ref('rules') }}
)

select
    cast(indicators.plan_version as {{ dbt.type_string() }}) as plan_version,
    cast(indicators.indicator_id as {{ dbt.type_string() }}) as indicator_id,
    cast(indicators.action as int) as action,
    cast(indicators.section as {{ dbt.type_string() }}) as section,
    cast(indicators.unit as {{ dbt.type_string() }}) as unit,
    cast(indicators.population as {{ dbt.type_string() }}) as population,
    cast(indicators.rule as {{ dbt.type_string() }}) as rule,
    cast(indicators.source as {{ dbt.type_string() }}) as source,
    cast(indicators.wording as {{ dbt.type_string() }}) as wording,
    cast(
        concat(
            'Population: ', populations.definition, ' ', rules.definition,
            case indicators.request_part
                when 'clearance' then ' The plan is that for survey and clearance.'
                when 'risk_education' then ' The plan is that for risk education.'
                else ''
            end
        )
        as {{ dbt.type_string() }}
    ) as definition
from indicators
inner join populations on indicators.population = populations.population
inner join rules on indicators.rule = rules.rule
