-- A row for each indicator and a column for each year, as people want it in a spreadsheet.

{% set years = [2025, 2026, 2027, 2028, 2029] %}

with

totals as (
    select
        *,
        case
            when status = 'not_computable' then 'not computable'
            when status = 'not_yet_due' then 'not yet due'
            when status = 'empty_population' then 'nobody in the population'
            when unit = 'percent'
                then
                    concat(
                        cast(numerator as {{ dbt.type_string() }}),
                        ' of ',
                        cast(denominator as {{ dbt.type_string() }}),
                        ' (',
                        cast(cast(round(value, 0) as int) as {{ dbt.type_string() }}),
                        '%)'
                    )
            else cast(numerator as {{ dbt.type_string() }})
        end as reading
    from {{ ref('indicator_values') }}
    where breakdown = 'total'
),

indicators as (
    select * from {{ ref('stg_plan_indicators') }}
)

select
    cast(indicators.plan_version as {{ dbt.type_string() }}) as plan_version,
    cast(indicators.action as int) as action,
    cast(indicators.section as {{ dbt.type_string() }}) as section,
    cast(indicators.indicator_id as {{ dbt.type_string() }}) as indicator_id,
    cast(indicators.wording as {{ dbt.type_string() }}) as indicator,
    cast(indicators.unit as {{ dbt.type_string() }}) as unit,
    -- sqlfluff can't place the lines of a loop that ends in a comma
    -- noqa: disable=LT02
    {% for year in years %}
    cast(max(case when totals.reporting_year = {{ year }} then totals.value end) as double) as value_{{ year }},
    cast(
        max(case when totals.reporting_year = {{ year }} then totals.reading end) as {{ dbt.type_string() }}
    ) as reading_{{ year }}{{ ',' if not loop.last }}
    {% endfor %}
-- noqa: enable=LT02
from indicators
left join totals
    on
        indicators.plan_version = totals.plan_version
        and indicators.indicator_id = totals.indicator_id
group by
    indicators.plan_version,
    indicators.action,
    indicators.section,
    indicators.indicator_id,
    indicators.wording,
    indicators.unit
