-- Years of the plan that have begun on the as-of date (semantics.md, Time).

with

years_of_plan as (
    select 2025 as reporting_year
    union all
    select 2026 as reporting_year
    union all
    select 2027 as reporting_year
    union all
    select 2028 as reporting_year
    union all
    select 2029 as reporting_year
),

days as (
    select
        reporting_year,
        {{ year_day('reporting_year', '01-01') }} as year_start,
        {{ year_day('reporting_year', '12-31') }} as year_end,
        {{ year_day('reporting_year', '04-30') }} as report_due_on,
        {{ as_of() }} as as_of
    from years_of_plan
)

select
    reporting_year,
    year_start,
    report_due_on,
    as_of,
    least(year_end, as_of) as cut_off,
    least({{ add_days('year_end', 180) }}, as_of) as submission_cut_off,
    as_of >= {{ add_days('year_end', 180) }} as is_final
from days
where year_start <= as_of
